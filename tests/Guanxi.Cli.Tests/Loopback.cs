using System.Net;
using System.Net.Sockets;

namespace Guanxi.Cli.Tests;

/// <summary>Ports of this machine that nobody else reaches.</summary>
internal static class Loopback
{
    /// <summary>A port that is free now.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>An address whose port is free now.</summary>
    public static string FreeUrl() => UrlOf(FreePort());

    /// <summary>The address of a port.</summary>
    public static string UrlOf(int port) => $"http://{IPAddress.Loopback}:{port}";
}
