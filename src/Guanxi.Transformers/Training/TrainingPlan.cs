namespace Guanxi.Transformers.Training;

/// <summary>
/// Which rows every micro-batch of a run holds: a pure function of the options and the number of rows, so that a resumed run goes
/// on with exactly the rows that the first would have seen.
/// </summary>
public sealed class TrainingPlan
{
    private readonly TrainingOptions _options;
    private readonly int _rowCount;
    private readonly Func<int, int> _lengthOf;
    private readonly int _worldSize;
    private (int Epoch, int Rank, int[][] Batches) _cached = (-1, -1, []);

    /// <summary>Plans a run.</summary>
    /// <param name="rowCount">Rows of the training set.</param>
    /// <param name="lengthOf">Tokens of a row; asked only when rows are grouped by length.</param>
    /// <param name="options">Batch, accumulation, epochs, seed.</param>
    /// <param name="worldSize">Processes that share the rows.</param>
    /// <exception cref="OptionsException">There are no rows, or numbers of the options are out of range; all are listed.</exception>
    public TrainingPlan(int rowCount, Func<int, int> lengthOf, TrainingOptions options, int worldSize)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _rowCount = rowCount;
        _lengthOf = lengthOf;
        _worldSize = worldSize;
        var problems = options.Check();
        if (rowCount == 0)
        {
            problems.Add(new Problem("training set", "it has no rows"));
        }

        if (problems.Count > 0)
        {
            throw new OptionsException(problems);
        }

        MicroBatchesPerEpoch = DivideUp(DivideUp(rowCount, options.BatchSize), worldSize);
        StepsPerEpoch = DivideUp(MicroBatchesPerEpoch, options.Accumulation);
        TotalSteps = options.MaxSteps > 0 ? options.MaxSteps : (int)Math.Ceiling(options.Epochs * StepsPerEpoch);
        WarmupSteps = options.WarmupSteps > 0 ? options.WarmupSteps : (int)Math.Ceiling(options.WarmupRatio * TotalSteps);
    }

    /// <summary>Rows of a micro-batch.</summary>
    public int BatchSize => _options.BatchSize;

    /// <summary>Micro-batches of one process in an epoch.</summary>
    public int MicroBatchesPerEpoch { get; }

    /// <summary>Optimizer steps in an epoch; the last may have fewer micro-batches.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Optimizer steps of the run.</summary>
    public int TotalSteps { get; }

    /// <summary>Steps over which the learning rate rises.</summary>
    public int WarmupSteps { get; }

    /// <summary>Epochs done after a number of steps.</summary>
    /// <param name="steps">Optimizer steps done.</param>
    /// <returns>Epochs, with the fraction.</returns>
    public double EpochAfter(int steps) => (double)steps / StepsPerEpoch;

    /// <summary>Rows of the micro-batches of one step.</summary>
    /// <param name="step">Step from 0.</param>
    /// <param name="rank">Number of this process.</param>
    /// <returns>Indices of rows, a list a micro-batch.</returns>
    public IReadOnlyList<int[]> MicroBatches(int step, int rank)
    {
        var epoch = step / StepsPerEpoch;
        var first = step % StepsPerEpoch * _options.Accumulation;
        var last = Math.Min(first + _options.Accumulation, MicroBatchesPerEpoch);
        return Batches(epoch, rank)[first..last];
    }

    private static int DivideUp(int value, int by) => (int)(((long)value + by - 1) / by);

    private int[][] Batches(int epoch, int rank)
    {
        if (_cached.Epoch != epoch || _cached.Rank != rank)
        {
            var order = Order(epoch);
            _cached = (epoch, rank, RowOrder.Batches(order, _options.BatchSize, rank, _worldSize));
        }

        return _cached.Batches;
    }

    private int[] Order(int epoch) => _options.Sampling switch
    {
        RowSampling.Sequential => [.. Enumerable.Range(0, _rowCount)],
        RowSampling.GroupByLength => RowOrder.GroupedByLength(
            RowOrder.OfEpoch(_rowCount, _options.Seed, epoch), _lengthOf, _options.BatchSize * _options.Accumulation),
        _ => RowOrder.OfEpoch(_rowCount, _options.Seed, epoch),
    };
}
