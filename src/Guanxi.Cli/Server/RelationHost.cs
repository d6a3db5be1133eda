using System.Net;
using System.Net.Sockets;
using Guanxi.Relations;
using Guanxi.Relations.Serving;
using Guanxi.Transformers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Guanxi.Cli.Server;

/// <summary>A web server around a model, from the first connection to the last answer.</summary>
internal sealed class RelationHost : IAsyncDisposable
{
    private const int MostConnections = 4096;

    // Whoever sends less than this is not going to end.
    private const double SlowestBodyBytesPerSecond = 240;

    private static readonly TimeSpan s_bodyGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_headersLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan s_lastAnswersLimit = TimeSpan.FromSeconds(4);

    private readonly WebApplication _app;
    private readonly RelationService _service;
    private readonly FeedbackFile? _feedback;
    private readonly IDisposable? _exporter;

    /// <summary>Most time between the request to end and the end; whoever ends it by force must wait longer.</summary>
    public static TimeSpan LongestEnd => s_drainLimit + s_lastAnswersLimit;

    /// <summary>Time after which a connection without a request is closed; a proxy must close its own before.</summary>
    public static TimeSpan IdleLimit { get; } = TimeSpan.FromMinutes(2);

    /// <summary>Prepares the server.</summary>
    /// <param name="options">How it listens, and what it lets in.</param>
    /// <param name="engine">Bounds of the queue.</param>
    /// <param name="log">Where requests are logged.</param>
    /// <exception cref="OptionsException">A file that the options name is not to be used.</exception>
    public RelationHost(ServerOptions options, RelationEngineOptions engine, TextWriter log)
    {
        var keys = ApiKeys.Read(options.ApiKeyFile);
        _feedback = options.FeedbackFile is { } file ? new FeedbackFile(file) : null;
        var metrics = new ServerMetrics();
        _service = new RelationService(engine with { BatchDone = metrics.Batch });
        _exporter = TraceExport.StartIfWanted();
        _app = Build(options.Urls);
        _app.Use(new RequestPipeline(options, keys, metrics, options.LogsRequests ? new RequestLog(log, options.LogsTexts) : null).RunAsync);
        new RelationEndpoints(_service, metrics, _feedback).Map(_app);
    }

    /// <summary>Addresses that it listens at, with the ports that were found for port 0.</summary>
    public IEnumerable<string> Urls => _app.Urls;

    /// <summary>Begins to listen; until there is a model, everything but questions after the server itself is refused.</summary>
    /// <exception cref="OptionsException">An address is taken, not of this machine, or forbidden.</exception>
    public Task ListenAsync() => ListenAsync(_app);

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

    /// <summary>Takes requests from now on.</summary>
    /// <param name="classifier">The model; whoever made it releases it, after the host.</param>
    /// <param name="name">What to call it.</param>
    /// <param name="method">Its method.</param>
    public void Serve(IRelationClassifier classifier, string name, string method) => _service.Start(classifier, name, method);

    /// <summary>Takes no more requests, answers those that were taken, stops listening, and does not need the model any more.</summary>
    /// <returns>Requests that were left without an answer, because the time was up.</returns>
    public async Task<int> DrainAsync()
    {
        await Task.WhenAny(_service.DrainAsync(), Task.Delay(s_drainLimit));
        var counts = _service.Counts;
        using var limit = new CancellationTokenSource(s_lastAnswersLimit);
        await _app.StopAsync(limit.Token);
        _service.Dispose();
        return counts.Waiting + counts.Running;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _service.Dispose();
        _feedback?.Dispose();
        _exporter?.Dispose();
    }

    /// <summary>Makes a server with careful limits and without anything to answer.</summary>
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
