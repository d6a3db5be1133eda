using Guanxi.Transformers;

namespace Guanxi.Relations.Serving;

/// <summary>
/// Answers many callers with one model: calls wait in a bounded queue, one thread takes as many rows as are there, at once and without
/// waiting for more, and computes them in one pass.
/// </summary>
/// <remarks>
/// What a row gets does not depend on its company: scores differ by rounding only, and rows whose two best labels are nearly equal are computed
/// again alone. A call that is cancelled leaves the queue at once; rows that are being computed then are dropped when they are ready. Of a long
/// call a pass takes a part, and the others come first before the next. Safe to call from several threads. The classifier stays the caller's.
/// </remarks>
public sealed class RelationEngine : IDisposable
{
    private readonly IRelationClassifier _classifier;
    private readonly RelationEngineOptions _options;
    private readonly TimeProvider _time;
    private readonly object _gate = new();
    private readonly LinkedList<EngineCall> _waiting = [];
    private readonly HashSet<EngineCall> _running = [];
    private readonly PredictionCache _cache;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EngineCounts _counts;
    private TimeSpan _rowTime;
    private bool _isClosed;

    /// <summary>Starts the engine's thread.</summary>
    /// <param name="classifier">The model; while the engine lives, nobody else may call it.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="ArgumentOutOfRangeException">A bound is below what makes sense.</exception>
    public RelationEngine(IRelationClassifier classifier, RelationEngineOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(classifier);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.QueueCapacity, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchRows, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.CachedAnswers, nameof(options));
        (_classifier, _options, _time) = (classifier, options, time);
        _cache = new PredictionCache(options.CachedAnswers);
        _thread = new Thread(Work) { IsBackground = true, Name = "relation engine" };
        _thread.Start();
    }

    /// <summary>The labels it chooses from.</summary>
    public RelationSchema Schema => _classifier.Schema;

    /// <summary>What became of all calls so far.</summary>
    public EngineCounts Counts
    {
        get
        {
            lock (_gate)
            {
                return _counts with { Waiting = _waiting.Count, Running = _running.Count };
            }
        }
    }

    /// <summary>Classifies one row.</summary>
    /// <param name="example">The row; its label is not looked at.</param>
    /// <param name="cancellation">Gives the row up.</param>
    /// <returns>The relation.</returns>
    /// <exception cref="OptionsException">The row cannot be classified, e.g. because it is too long.</exception>
    /// <exception cref="QueueFullException">Too many calls wait.</exception>
    /// <exception cref="ObjectDisposedException">The engine takes no more calls.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    public async ValueTask<RelationPrediction> ClassifyAsync(RelationExample example, CancellationToken cancellation)
    {
        var rows = await ClassifyAsync([example], cancellation).ConfigureAwait(false);
        return rows[0].Prediction ?? throw new OptionsException(rows[0].Problem!);
    }

    /// <summary>Classifies the rows of one caller.</summary>
    /// <param name="examples">The rows; their labels are not looked at.</param>
    /// <param name="cancellation">Gives all of them up.</param>
    /// <returns>One outcome a row, in their order.</returns>
    /// <exception cref="QueueFullException">Too many calls wait.</exception>
    /// <exception cref="ObjectDisposedException">The engine takes no more calls.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    public ValueTask<IReadOnlyList<ClassifiedRow>> ClassifyAsync(IReadOnlyList<RelationExample> examples, CancellationToken cancellation) =>
        ClassifyAsync(examples, labelsOnly: false, cancellation);

    /// <summary>Classifies the rows of one caller, with or without probabilities.</summary>
    /// <param name="examples">The rows; their labels are not looked at.</param>
    /// <param name="labelsOnly">
    /// Whether the labels are enough: a row that is computed alone then takes only as long as its label does, and its probabilities may be missing.
    /// </param>
    /// <param name="cancellation">Gives all of them up.</param>
    /// <returns>One outcome a row, in their order.</returns>
    /// <exception cref="QueueFullException">Too many calls wait.</exception>
    /// <exception cref="ObjectDisposedException">The engine takes no more calls.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    public async ValueTask<IReadOnlyList<ClassifiedRow>> ClassifyAsync(
        IReadOnlyList<RelationExample> examples, bool labelsOnly, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(examples);
        cancellation.ThrowIfCancellationRequested();
        var call = Enqueue(examples, labelsOnly);
        await using var registration = cancellation.UnsafeRegister((_, token) => GiveUp(call, token), null).ConfigureAwait(false);
        return await call.Answer.ConfigureAwait(false);
    }

    /// <summary>Takes no more calls.</summary>
    /// <returns>Ends when all calls that were taken have ended.</returns>
    public Task DrainAsync()
    {
        lock (_gate)
        {
            _isClosed = true;
            Monitor.PulseAll(_gate);
        }

        return _drained.Task;
    }

    /// <summary>Takes no more calls, cancels those that wait, and ends after the pass that is running.</summary>
    public void Dispose() => Close(Timeout.InfiniteTimeSpan);

    /// <summary>Takes no more calls, cancels those that wait, and waits for the pass that is running, but not for ever.</summary>
    /// <param name="limit">Longest wait.</param>
    /// <returns>Whether the engine has ended; while it has not, the classifier is in use and must not be released.</returns>
    public bool Close(TimeSpan limit)
    {
        EngineCall[] waiting;
        lock (_gate)
        {
            waiting = [.. _waiting, .. _running];
        }

        foreach (var call in waiting)
        {
            GiveUp(call, new CancellationToken(canceled: true));
        }

        _ = DrainAsync();
        return _thread.Join(limit);
    }

    private EngineCall Enqueue(IReadOnlyList<RelationExample> examples, bool labelsOnly)
    {
        UInt128[] keys = _cache.IsOn ? [.. examples.Select(PredictionCache.KeyOf)] : [];
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            RelationPrediction?[] known = _cache.IsOn ? [.. keys.Select(_cache.Find)] : new RelationPrediction?[examples.Count];
            var call = new EngineCall(examples, known, _time.GetTimestamp()) { WantsLabelsOnly = labelsOnly };
            if (call.Untaken > 0 && _waiting.Count >= _options.QueueCapacity)
            {
                _counts = _counts with { Rejected = _counts.Rejected + 1 };
                throw new QueueFullException(_options.QueueCapacity, _rowTime * _waiting.Sum(other => other.Untaken));
            }

            _counts = _counts with { Accepted = _counts.Accepted + 1, CacheHits = _counts.CacheHits + examples.Count - call.Untaken };
            if (call.Untaken == 0)
            {
                End(call);
                call.Complete();
                return call;
            }

            call.Place = _waiting.AddLast(call);
            Monitor.Pulse(_gate);
            return call;
        }
    }

    private void GiveUp(EngineCall call, CancellationToken token)
    {
        lock (_gate)
        {
            if (call.HasEnded)
            {
                return;
            }

            Leave(call);
            _counts = _counts with { Cancelled = _counts.Cancelled + 1 };
        }

        call.Cancel(token);
    }

    private void End(EngineCall call)
    {
        Leave(call);
        _counts = _counts with { Done = _counts.Done + 1 };
    }

    private void Leave(EngineCall call)
    {
        call.HasEnded = true;
        _running.Remove(call);
        if (call.Place is { } place)
        {
            _waiting.Remove(place);
            call.Place = null;
        }
    }

    private void Work()
    {
        while (NextBatch() is { } batch)
        {
            var start = _time.GetTimestamp();
            try
            {
                var outcomes = Classify(batch);
                var facts = new BatchFacts(
                    batch.Count, outcomes.Sum(outcome => (long)(outcome.Prediction?.TokenCount ?? 0)),
                    _time.GetElapsedTime(batch.Min(row => row.Call.Arrival), start), _time.GetElapsedTime(start));
                HandOver(batch, outcomes, facts);
                _options.BatchDone?.Invoke(facts);
            }
            catch (Exception error)
            {
                // Whatever it is, it belongs to those who asked; the next ones may fare better.
                Fail(batch, error);
            }
        }

        _drained.TrySetResult();
    }

    /// <summary>Rows that are there now; waits while there are none. Null when there will be none any more.</summary>
    private List<BatchRow>? NextBatch()
    {
        lock (_gate)
        {
            while (_waiting.Count == 0)
            {
                if (_isClosed)
                {
                    return null;
                }

                Monitor.Wait(_gate);
            }

            var batch = new List<BatchRow>();
            while (batch.Count < _options.BatchRows && _waiting.First is { } first)
            {
                var call = first.Value;
                batch.AddRange(call.Take(_options.BatchRows - batch.Count).Select(row => new BatchRow(call, row)));
                _waiting.Remove(first);
                call.Place = call.Untaken > 0 ? _waiting.AddLast(call) : null;
                if (call.Place is null)
                {
                    _running.Add(call);
                }
            }

            return batch;
        }
    }

    private ClassifiedRow[] Classify(List<BatchRow> batch)
    {
        if (batch is [{ Call.WantsLabelsOnly: true } only])
        {
            return [_classifier.ClassifyBest(only.Example)];
        }

        ClassifiedRow[] outcomes = [.. _classifier.Classify([.. batch.Select(row => row.Example)])];
        for (var row = 0; row < batch.Count && batch.Count > 1; row++)
        {
            if (outcomes[row].Prediction is { } prediction && prediction.Lead < _options.TieMargin)
            {
                outcomes[row] = _classifier.Classify([batch[row].Example])[0];
                lock (_gate)
                {
                    _counts = _counts with { RowsComputed = _counts.RowsComputed + 1 };
                }
            }
        }

        return outcomes;
    }

    private void HandOver(List<BatchRow> batch, ClassifiedRow[] outcomes, BatchFacts facts)
    {
        UInt128[] keys = _cache.IsOn ? [.. batch.Select(row => PredictionCache.KeyOf(row.Example))] : [];
        var ended = new List<EngineCall>();
        lock (_gate)
        {
            _rowTime = facts.Duration / batch.Count;
            _counts = _counts with { RowsComputed = _counts.RowsComputed + batch.Count };
            for (var row = 0; row < batch.Count; row++)
            {
                if (_cache.IsOn && outcomes[row].Prediction is { Probabilities.Count: > 0 } prediction)
                {
                    _cache.Add(keys[row], prediction);
                }

                var call = batch[row].Call;
                if (!call.HasEnded && call.Note(batch[row].Index, outcomes[row]))
                {
                    End(call);
                    ended.Add(call);
                }
            }
        }

        ended.ForEach(call => call.Complete());
    }

    private void Fail(List<BatchRow> batch, Exception error)
    {
        EngineCall[] failed;
        lock (_gate)
        {
            failed = [.. batch.Select(row => row.Call).Distinct().Where(call => !call.HasEnded)];
            foreach (var call in failed)
            {
                Leave(call);
            }

            _counts = _counts with { Failed = _counts.Failed + failed.Length };
        }

        foreach (var call in failed)
        {
            call.Fail(error);
        }
    }
}
