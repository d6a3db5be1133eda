using Guanxi.Cli.Web;
using Guanxi.Relations;
using Guanxi.Relations.Serving;
using Microsoft.AspNetCore.Http;

namespace Guanxi.Cli.Server;

/// <summary>Whether requests are taken.</summary>
internal enum ServiceState
{
    /// <summary>The model is being loaded.</summary>
    Loading,

    /// <summary>Requests are taken.</summary>
    Ready,

    /// <summary>What was taken is finished; nothing more is taken.</summary>
    Draining,
}

/// <summary>The model behind the server: not there at first, and towards the end not to be asked any more.</summary>
internal sealed class RelationService(RelationEngineOptions options) : IDisposable
{
    private static readonly TimeSpan s_loadingRetry = TimeSpan.FromSeconds(2);

    private static readonly RelationExample s_first = new("甲和乙相识。", "甲", "乙", null, null, null, new SourcePlace("", 0, 0));

    private volatile RelationEngine? _engine;
    private volatile ServiceState _state;

    /// <summary>Most time that a request waits for its answer: behind a full queue of the largest model that is served. A client waits two minutes.</summary>
    public static TimeSpan LongestWait { get; } = TimeSpan.FromSeconds(100);

    /// <summary>Most time that is left to the pass that runs at the end.</summary>
    public static TimeSpan LastPassLimit { get; } = TimeSpan.FromSeconds(1);

    /// <summary>Bounds of the engine.</summary>
    public RelationEngineOptions Options => options;

    /// <summary>Whether requests are taken.</summary>
    public ServiceState State => _state;

    /// <summary>Name of the model's folder or file, without where it lies; null until it is loaded.</summary>
    public string? ModelName { get; private set; }

    /// <summary>Its method; null until it is loaded.</summary>
    public string? Method { get; private set; }

    /// <summary>What became of all calls so far.</summary>
    public EngineCounts Counts => _engine?.Counts ?? default;

    /// <summary>The labels.</summary>
    /// <exception cref="HttpProblemException">The model is not there.</exception>
    public RelationSchema Schema => (_engine ?? throw Unavailable()).Schema;

    /// <summary>Takes requests from now on.</summary>
    /// <param name="classifier">The model; a pass that does not end uses it even after this.</param>
    /// <param name="name">What to call it.</param>
    /// <param name="method">Its method.</param>
    public void Start(IRelationClassifier classifier, string name, string method)
    {
        // The first pass compiles the code and brings the weights into memory.
        classifier.Classify([s_first]);
        _engine = new RelationEngine(classifier, options, TimeProvider.System);
        (ModelName, Method) = (name, method);
        _state = ServiceState.Ready;
    }

    /// <summary>Asks the model.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="labelsOnly">Whether probabilities are not asked for.</param>
    /// <param name="aborted">Set when the client has gone away.</param>
    /// <returns>A prediction a row.</returns>
    /// <exception cref="HttpProblemException">The queue is full, a row cannot be classified, or there is no model.</exception>
    /// <exception cref="OperationCanceledException">The client has gone away.</exception>
    public async Task<IReadOnlyList<RelationPrediction>> ClassifyAsync(IReadOnlyList<RelationExample> rows, bool labelsOnly, CancellationToken aborted)
    {
        if (State != ServiceState.Ready)
        {
            throw Unavailable();
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        limit.CancelAfter(LongestWait);
        try
        {
            return Predictions(await _engine!.ClassifyAsync(rows, labelsOnly, limit.Token));
        }
        catch (QueueFullException full)
        {
            throw new HttpProblemException(StatusCodes.Status429TooManyRequests, "too many requests wait already")
            {
                RetryAfter = full.RetryAfter < LongestWait ? full.RetryAfter : LongestWait,
            };
        }
        catch (ObjectDisposedException)
        {
            // Draining began between the question and the answer.
            throw Unavailable();
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            throw new HttpProblemException(StatusCodes.Status503ServiceUnavailable, $"the request was not answered within {LongestWait.TotalSeconds} s")
            {
                RetryAfter = LongestWait,
            };
        }
    }

    /// <summary>The reason why nothing is answered now.</summary>
    public HttpProblemException Unavailable() => State == ServiceState.Draining
        ? new(StatusCodes.Status503ServiceUnavailable, "the server is about to end and takes no more requests") { RetryAfter = s_loadingRetry, ClosesConnection = true }
        : new(StatusCodes.Status503ServiceUnavailable, "the model is being loaded") { RetryAfter = s_loadingRetry };

    /// <summary>Takes no more requests.</summary>
    /// <returns>Ends when all that were taken have been answered.</returns>
    public Task DrainAsync()
    {
        _state = ServiceState.Draining;
        return _engine?.DrainAsync() ?? Task.CompletedTask;
    }

    /// <summary>Ends the engine; a pass that takes longer than <see cref="LastPassLimit"/> is left to itself.</summary>
    public void Dispose() => _engine?.Close(LastPassLimit);

    private static RelationPrediction[] Predictions(IReadOnlyList<ClassifiedRow> outcomes)
    {
        RequestFault[] faults = [.. outcomes.Index().Where(outcome => !outcome.Item.IsClassified).Select(outcome => Fault(outcome.Index, outcomes))];
        return faults.Length > 0 ? throw HttpProblemException.Unusable(faults) : [.. outcomes.Select(outcome => outcome.Prediction!)];
    }

    private static RequestFault Fault(int row, IReadOnlyList<ClassifiedRow> outcomes)
    {
        var problem = outcomes[row].Problem!;
        var message = string.Join("; ", new[] { problem.What, Named("expected", problem.Expected), Named("found", problem.Found) }.OfType<string>());
        return new RequestFault(outcomes.Count > 1 ? row : null, RelationInput.TextField, problem.Hint is null ? message : $"{message}. {problem.Hint}");
    }

    private static string? Named(string name, string? value) => value is null ? null : $"{name} {value}";
}
