using System.Net.Sockets;
using System.Text;

namespace Guanxi.Cli.Server;

/// <summary>Tells systemd what state the server is in, by the protocol of sd_notify(3), where it started the server as a service of type notify.</summary>
internal static class ServiceManager
{
    /// <summary>Requests are taken.</summary>
    public const string Ready = "READY=1";

    /// <summary>Nothing new is taken.</summary>
    public const string Stopping = "STOPPING=1";

    /// <summary>Names the socket to write to; without it nobody wants to know.</summary>
    public const string Variable = "NOTIFY_SOCKET";

    private const char AbstractMark = '@';

    /// <summary>Tells a state.</summary>
    public static void Tell(string state)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } name)
        {
            return;
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            // A name that lies in no file system begins with a zero, which no variable can hold.
            socket.SendTo(Encoding.UTF8.GetBytes(state), new UnixDomainSocketEndPoint(name[0] == AbstractMark ? $"\0{name[1..]}" : name));
        }
        catch (SocketException)
        {
            // A manager that does not listen is no reason not to serve.
        }
    }
}
