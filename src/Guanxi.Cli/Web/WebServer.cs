using System.Net.Sockets;
using Guanxi.Transformers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Guanxi.Cli.Web;

/// <summary>Web servers with careful limits.</summary>
internal static class WebServer
{
    private const int MostConnections = 4096;

    // Whoever sends less than this is not going to end.
    private const double SlowestBodyBytesPerSecond = 240;

    private static readonly TimeSpan s_bodyGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_headersLimit = TimeSpan.FromSeconds(15);

    /// <summary>Time after which a connection without a request is closed; a proxy must close its own before.</summary>
    public static TimeSpan IdleLimit { get; } = TimeSpan.FromMinutes(2);

    /// <summary>Makes a server without anything to answer.</summary>
    public static WebApplication Build(IReadOnlyList<Uri> urls)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(SetLimits);
        builder.Services.AddRoutingCore();

        // Signals are the verb's: the second one must end the process.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        var app = builder.Build();
        foreach (var url in urls)
        {
            app.Urls.Add(url.GetLeftPart(UriPartial.Authority));
        }

        return app;
    }

    /// <summary>Begins to listen.</summary>
    /// <exception cref="OptionsException">An address is taken, not of this machine, or forbidden.</exception>
    public static async Task ListenAsync(WebApplication app)
    {
        // A server that could not start has forgotten them.
        var urls = string.Join("; ", app.Urls);
        try
        {
            await app.StartAsync();
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            var reason = error.InnerException is AddressInUseException ? "another program listens there already" : error.Message;
            throw new OptionsException(new Problem(
                "--urls", "the server cannot listen at the address", "an address of this machine with a free port", $"{urls} ({reason})"));
        }
    }

    private static void SetLimits(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http1);
        var limits = kestrel.Limits;
        limits.MaxConcurrentConnections = MostConnections;
        limits.RequestHeadersTimeout = s_headersLimit;
        limits.KeepAliveTimeout = IdleLimit;
        limits.MinRequestBodyDataRate = new MinDataRate(SlowestBodyBytesPerSecond, s_bodyGrace);

        // RequestBody counts, so that the answer to a body that is too long can be seen by its sender.
        limits.MaxRequestBodySize = null;
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
