using Guanxi.Cli.Web;
using Guanxi.Relations;
using Guanxi.Relations.Serving;
using Guanxi.Transformers;
using Microsoft.AspNetCore.Builder;

namespace Guanxi.Cli.Server;

/// <summary>A web server around a model, from the first connection to the last answer.</summary>
internal sealed class RelationHost : IAsyncDisposable
{
    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(25);
    private static readonly TimeSpan s_lastAnswersLimit = TimeSpan.FromSeconds(3);

    private readonly WebApplication _app;
    private readonly RelationService _service;
    private readonly FeedbackFile? _feedback;
    private readonly IDisposable? _exporter;

    /// <summary>Most time between the request to end and the end; whoever ends it by force must wait longer.</summary>
    public static TimeSpan LongestEnd => s_drainLimit + s_lastAnswersLimit + RelationService.LastPassLimit;

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
        _app = WebServer.Build(options.Urls);
        _app.Use(new RequestPipeline(options, keys, metrics, options.LogsRequests ? new RequestLog(log, options.LogsTexts) : null).RunAsync);
        new RelationEndpoints(_service, metrics, _feedback).Map(_app);
    }

    /// <summary>Addresses that it listens at, with the ports that were found for port 0.</summary>
    public IEnumerable<string> Urls => _app.Urls;

    /// <summary>Begins to listen; until there is a model, everything but questions after the server itself is refused.</summary>
    /// <exception cref="OptionsException">An address is taken, not of this machine, or forbidden.</exception>
    public Task ListenAsync() => WebServer.ListenAsync(_app);

    /// <summary>Takes requests from now on.</summary>
    /// <param name="classifier">The model; a pass that does not end uses it even after the host has ended.</param>
    /// <param name="name">What to call it.</param>
    /// <param name="method">Its method.</param>
    public void Serve(IRelationClassifier classifier, string name, string method) => _service.Start(classifier, name, method);

    /// <summary>Takes no more requests, answers those that were taken, and stops listening.</summary>
    /// <returns>Requests that were left without an answer, because the time was up.</returns>
    public async Task<int> DrainAsync()
    {
        await Task.WhenAny(_service.DrainAsync(), Task.Delay(s_drainLimit));
        var counts = _service.Counts;
        using var limit = new CancellationTokenSource(s_lastAnswersLimit);
        await _app.StopAsync(limit.Token);
        return counts.Waiting + counts.Running;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _service.Dispose();
        _feedback?.Dispose();
        _exporter?.Dispose();
    }
}
