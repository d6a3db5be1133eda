using System.Diagnostics;
using System.Text.Json.Nodes;
using Guanxi.Torch;
using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>What <see cref="ServeBenchmark"/> measures.</summary>
public sealed record ServeBenchmarkOptions
{
    /// <summary>The model's size.</summary>
    public required BenchmarkShape Shape { get; init; }

    /// <summary>Form of the linear layers' weights; null for NF4 with double quantisation (an encoder's are then Float32).</summary>
    /// <value>Null.</value>
    public DType? StorageType { get; init; }

    /// <summary>Type of activations and products.</summary>
    /// <value>Float32.</value>
    public DType ComputeType { get; init; } = DType.Float32;

    /// <summary>Requests wanted.</summary>
    /// <value>30.</value>
    public int Requests { get; init; } = 30;

    /// <summary>Time by which the requests end, by being fewer.</summary>
    /// <value>5 minutes.</value>
    public TimeSpan Limit { get; init; } = TimeSpan.FromMinutes(5);
}

/// <summary>
/// Time of one request after the other, without network: 66 tokens that all prompts begin with are known, 64 are new, 14 labels of one or two
/// tokens are scored with their stop token, and no answer is remembered. Random weights tell no label from another, so that every token of
/// every label must be computed: a trained model that is sure takes less.
/// </summary>
public sealed class ServeBenchmark : IDisposable
{
    private const int PrefillSamples = 5;

    private readonly ServeBenchmarkOptions _options;
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly ServedModel _model;
    private readonly PeakProbe _probe;

    /// <summary>Makes the model.</summary>
    /// <param name="options">What to measure.</param>
    /// <param name="time">The clock.</param>
    public ServeBenchmark(ServeBenchmarkOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        (_options, _time, _started) = (options, time, time.GetTimestamp());
        _probe = new PeakProbe(options.ComputeType);
        _model = options.Shape switch
        {
            DecoderShape shape => new ServedDecoder(shape.Config, options.StorageType, options.ComputeType),
            EncoderShape shape => new ServedEncoder(shape.Config, options.StorageType ?? DType.Float32, options.ComputeType),
            _ => throw new ArgumentOutOfRangeException(nameof(options)),
        };
    }

    /// <summary>Warms up and measures.</summary>
    /// <param name="progress">Told of the steps.</param>
    /// <returns>The figures.</returns>
    public ServeBenchmarkResult Run(Action<string> progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        progress($"{_options.Shape.Name}: weights made in {_time.GetElapsedTime(_started).TotalSeconds:0.0} s");
        _model.Ask(0);
        _model.Ask(1);
        var question = 1;
        var plan = new SamplingPlan(_options.Requests, TimeSpan.Zero, _options.Limit);
        var samples = plan.Take(() => _time.GetElapsedTime(_started), () => Sample(() => _model.Ask(++question)));
        var (kept, isDisturbed) = plan.Keep(samples);
        PrefillResult[] prefills = [.. _model.Prefills.Select(prefill => PrefillOf(prefill.Tokens, prefill.Operations, prefill.Run))];
        return ServeBenchmarkResult.Of(_options, _model.Operations, kept, samples.Count - kept.Count, isDisturbed, prefills);
    }

    /// <summary>Releases the model.</summary>
    public void Dispose() => _model.Dispose();

    private PrefillResult PrefillOf(int tokens, double operations, Action run)
    {
        run();
        var middle = SamplingPlan.Median([.. Enumerable.Range(0, PrefillSamples).Select(_ => Sample(run))], sample => sample.PeakWork);
        return new PrefillResult(tokens, middle.Seconds, operations / middle.Seconds / middle.Peak);
    }

    private BenchmarkSample Sample(Action run)
    {
        var before = _probe.Measure();
        var start = _time.GetTimestamp();
        run();
        var elapsed = _time.GetElapsedTime(start);
        var after = _probe.Measure();
        _probe.Adapt(elapsed);
        return new BenchmarkSample(elapsed.TotalSeconds, 0, before, after, after);
    }
}

/// <summary>A pass over a prompt of which nothing was known, in the median.</summary>
/// <param name="Tokens">Its tokens.</param>
/// <param name="Seconds">Its time.</param>
/// <param name="PeakShare">Its speed as a share of the peak.</param>
public sealed record PrefillResult(int Tokens, double Seconds, double PeakShare);

/// <summary>What a serving benchmark found.</summary>
public sealed record ServeBenchmarkResult
{
    // The goal: new tokens at this share of the peak, and so much beside for labels and everything else.
    private const double GoalShare = 0.65;
    private const double GoalRest = 0.020;

    // For an encoder of the base size: operations at the peak that pass in the time it may take, 40 ms of 900 GFLOP/s.
    private const double EncoderGoalOperations = 0.040 * 900e9;

    /// <summary>What was measured.</summary>
    public required ServeBenchmarkOptions Options { get; init; }

    /// <summary>Seconds of every request, ascending.</summary>
    public required IReadOnlyList<double> Seconds { get; init; }

    /// <summary>Operations that one request needs: its new tokens, and the head once.</summary>
    public required double Operations { get; init; }

    /// <summary>The processor's peak in the same minute, operations a second; of the median request.</summary>
    public required double PeakOperationsPerSecond { get; init; }

    /// <summary>Largest resident memory of the process so far.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>Requests dropped because the peak fell during them.</summary>
    public required int DroppedSamples { get; init; }

    /// <summary>Whether too few requests were steady, so that unsteady ones count: other work ran beside.</summary>
    public required bool IsDisturbed { get; init; }

    /// <summary>Passes without labels.</summary>
    public required IReadOnlyList<PrefillResult> Prefills { get; init; }

    /// <summary>Name of the shape.</summary>
    public string Shape => Options.Shape.Name;

    /// <summary>Seconds of the median request.</summary>
    public double Median => Percentile(0.5);

    /// <summary>Speed of the new tokens as a share of the peak; the tokens of the labels count as nothing.</summary>
    public double PeakShare => Operations / Median / PeakOperationsPerSecond;

    /// <summary>What the median request should take at most at this peak.</summary>
    public double GoalSeconds => Options.Shape is EncoderShape
        ? EncoderGoalOperations / PeakOperationsPerSecond
        : (Operations / (GoalShare * PeakOperationsPerSecond)) + GoalRest;

    /// <summary>A percentile of the requests' times.</summary>
    /// <param name="share">From 0 to 1.</param>
    /// <returns>Seconds.</returns>
    public double Percentile(double share) => Seconds[Math.Clamp((int)Math.Ceiling(share * Seconds.Count) - 1, 0, Seconds.Count - 1)];

    /// <summary>The machine form.</summary>
    /// <returns>An object with snake_case keys.</returns>
    public JsonObject ToJson() => new()
    {
        ["case"] = "serve",
        ["shape"] = Shape,
        ["weights"] = DTypeNames.ShortOfWeights(Options.StorageType ?? (Options.Shape is EncoderShape ? DType.Float32 : null)),
        ["p50_ms"] = Median * 1e3,
        ["p90_ms"] = Percentile(0.9) * 1e3,
        ["p99_ms"] = Percentile(0.99) * 1e3,
        ["goal_ms"] = GoalSeconds * 1e3,
        ["requests_per_second"] = 1 / Seconds.Average(),
        ["tokens_per_second"] = ServedModel.NewTokens / Median,
        ["examples_per_second"] = 1 / Median,
        ["gflops"] = Operations / Median / 1e9,
        ["peak_gflops"] = PeakOperationsPerSecond / 1e9,
        ["peak_share"] = PeakShare,
        ["prefill"] = new JsonArray([.. Prefills.Select(prefill => (JsonNode)new JsonObject
        {
            ["tokens"] = prefill.Tokens,
            ["milliseconds"] = prefill.Seconds * 1e3,
            ["peak_share"] = prefill.PeakShare,
        })]),
        ["rss_peak_bytes"] = PeakResidentBytes,
        ["seconds"] = Median,
        ["compute_dtype"] = DTypeNames.ShortOf(Options.ComputeType),
        ["samples"] = Seconds.Count,
        ["samples_dropped"] = DroppedSamples,
        ["disturbed"] = IsDisturbed,
    };

    internal static ServeBenchmarkResult Of(
        ServeBenchmarkOptions options, double operations, IReadOnlyList<BenchmarkSample> samples, int dropped, bool isDisturbed, PrefillResult[] prefills)
    {
        using var process = Process.GetCurrentProcess();
        return new ServeBenchmarkResult
        {
            Options = options,
            Seconds = [.. samples.Select(sample => sample.Seconds).Order()],
            Operations = operations,
            PeakOperationsPerSecond = SamplingPlan.Median(samples, sample => sample.Seconds).Peak,
            PeakResidentBytes = process.PeakWorkingSet64,
            DroppedSamples = dropped,
            IsDisturbed = isDisturbed,
            Prefills = prefills,
        };
    }
}
