namespace Guanxi.Relations.Serving;

/// <summary>Bounds of a <see cref="RelationEngine"/>.</summary>
public sealed record RelationEngineOptions
{
    /// <summary>Most calls that wait at once; one more is refused.</summary>
    /// <value>64.</value>
    public int QueueCapacity { get; init; } = 64;

    /// <summary>Most rows of one pass of the model. More hardly raise the throughput, yet all of them wait for the last.</summary>
    /// <value>8.</value>
    public int BatchRows { get; init; } = 8;

    /// <summary>Answers that are remembered by their exact input; 0 for none.</summary>
    /// <value>1024.</value>
    public int CachedAnswers { get; init; } = 1024;

    /// <summary>
    /// Lead of the best label over the second, as a probability, below which a row that ran in company is computed again alone: products of
    /// other shapes round differently, and a near tie must not fall to chance.
    /// </summary>
    /// <value>0.02, more than scores in bf16 were seen to differ.</value>
    public double TieMargin { get; init; } = 0.02;

    /// <summary>Told of every pass, on the engine's thread; it must be quick and must not throw.</summary>
    /// <value>Null: nobody.</value>
    public Action<BatchFacts>? BatchDone { get; init; }
}

/// <summary>One pass of the model.</summary>
/// <param name="Rows">Rows that it computed.</param>
/// <param name="Tokens">Tokens that it computed; 0 for a model without tokens.</param>
/// <param name="LongestWait">Time that its oldest call had waited.</param>
/// <param name="Duration">Time of the pass.</param>
public readonly record struct BatchFacts(int Rows, long Tokens, TimeSpan LongestWait, TimeSpan Duration);

/// <summary>What became of all calls so far: those accepted are waiting, running, done, cancelled or failed.</summary>
/// <param name="Accepted">Calls that were taken.</param>
/// <param name="Done">Calls that were answered.</param>
/// <param name="Cancelled">Calls whose caller gave up.</param>
/// <param name="Failed">Calls that ended with an error of the model.</param>
/// <param name="Rejected">Calls that were not taken because the queue was full.</param>
/// <param name="CacheHits">Rows that were answered from memory.</param>
/// <param name="RowsComputed">Rows that the model computed; those computed a second time count twice.</param>
/// <param name="Waiting">Calls that wait now.</param>
/// <param name="Running">Calls of which all rows have been taken and not all answered.</param>
public readonly record struct EngineCounts(
    long Accepted, long Done, long Cancelled, long Failed, long Rejected, long CacheHits, long RowsComputed, int Waiting, int Running);

/// <summary>The queue is full: the call was not taken.</summary>
/// <param name="capacity">Most calls that wait.</param>
/// <param name="retryAfter">When it is worth while to try again.</param>
public sealed class QueueFullException(int capacity, TimeSpan retryAfter)
    : InvalidOperationException($"{capacity} calls wait already")
{
    /// <summary>Time in which what waits now should be done, as far as the last passes tell.</summary>
    public TimeSpan RetryAfter => retryAfter;
}
