using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>What <see cref="TrainBenchmark"/> measures.</summary>
public sealed record TrainBenchmarkOptions
{
    /// <summary>The model's size; what is trained, and on what, goes by its kind: see <see cref="DecoderStep"/> and <see cref="EncoderStep"/>.</summary>
    public required BenchmarkShape Shape { get; init; }

    /// <summary>Blocks to run alone, without checkpointing and head; null for the whole model with both.</summary>
    /// <value>Null.</value>
    public int? Layers { get; init; }

    /// <summary>Type of activations and products.</summary>
    /// <value>Float32.</value>
    public DType ComputeType { get; init; } = DType.Float32;

    /// <summary>Whether rows begin with the same tokens, as prompts do, and these are computed once.</summary>
    /// <value>False.</value>
    public bool SharesPrefix { get; init; }

    /// <summary>Samples wanted; fewer are taken only when the time is up.</summary>
    /// <value>5.</value>
    public int Samples { get; init; } = 5;

    /// <summary>Time after which nothing more is measured than the samples wanted.</summary>
    /// <value>20 seconds.</value>
    public TimeSpan Budget { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Time by which the benchmark ends, by taking fewer samples.</summary>
    /// <value>28 minutes.</value>
    public TimeSpan Limit { get; init; } = TimeSpan.FromMinutes(28);
}

/// <summary>Speed of training on random weights.</summary>
public sealed class TrainBenchmark : IDisposable
{
    private readonly TrainBenchmarkOptions _options;
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly BenchmarkedStep _step;
    private readonly PeakProbe _probe;
    private int _count;

    /// <summary>Makes the model.</summary>
    /// <param name="options">What to measure.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="OptionsException">The options make no benchmark; all problems are listed.</exception>
    public TrainBenchmark(TrainBenchmarkOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        (_options, _time, _started) = (options, time, time.GetTimestamp());
        _probe = new PeakProbe(options.ComputeType);
        _step = options.Shape switch
        {
            DecoderShape shape => new DecoderStep(shape, options.Layers, options.SharesPrefix),
            EncoderShape shape => new EncoderStep(shape, options.Layers, options.SharesPrefix),
            _ => throw new ArgumentOutOfRangeException(nameof(options)),
        };
    }

    /// <summary>Warms up and measures.</summary>
    /// <param name="progress">Told one line a sample.</param>
    /// <returns>The figures of the median sample.</returns>
    public TrainBenchmarkResult Run(Action<string> progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        progress($"{_options.Shape.Name}: weights made in {Elapsed.TotalSeconds:0.0} s");
        Sample(isWarmUp: true);
        var plan = new SamplingPlan(_options.Samples, _options.Budget, _options.Limit);
        var samples = plan.Take(() => Elapsed, () => Report(Sample(isWarmUp: false), progress));
        var (kept, isDisturbed) = plan.Keep(samples);
        return TrainBenchmarkResult.Of(_options, _step, kept, samples.Count - kept.Count, isDisturbed);
    }

    /// <summary>Releases the model.</summary>
    public void Dispose() => _step.Dispose();

    private TimeSpan Elapsed => _time.GetElapsedTime(_started);

    private BenchmarkSample Sample(bool isWarmUp)
    {
        using var scope = TensorScope.Enter();
        var context = new ForwardContext(_options.ComputeType, new DropoutKey(BenchmarkedStep.Seed, _count++, 0));
        var before = _probe.Measure();
        var start = _time.GetTimestamp();
        var root = _step.Forward(context, isWarmUp);
        var forward = _time.GetElapsedTime(start);
        var gradient = root.ElementCount == 1 ? null : Tensor.Empty(root.Shape, root.DType, root.Device).UniformInPlace(-1, 1);
        var between = _probe.Measure();
        start = _time.GetTimestamp();
        Autograd.Backward([root], [gradient]);
        _step.Update();
        var backward = _time.GetElapsedTime(start);
        var after = _probe.Measure();
        _step.ClearGradients();
        _probe.Adapt(backward);
        return new BenchmarkSample(forward.TotalSeconds, backward.TotalSeconds, before, between, after);
    }

    private BenchmarkSample Report(BenchmarkSample sample, Action<string> progress)
    {
        var operations = _step.Operations;
        progress(string.Create(
            null,
            $"forward {sample.ForwardSeconds:0.000} s ({operations.Forward / sample.ForwardSeconds / sample.ForwardPeak:P1} of the peak), "
            + $"backward {sample.BackwardSeconds:0.000} s ({operations.Backward / sample.BackwardSeconds / sample.BackwardPeak:P1}), "
            + $"peak {sample.Peak / 1e9:0} GFLOP/s{(sample.IsSteady ? string.Empty : ", unsteady")}"));
        return sample;
    }
}
