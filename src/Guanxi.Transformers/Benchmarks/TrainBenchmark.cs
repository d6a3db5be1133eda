using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Training;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>What <see cref="TrainBenchmark"/> measures.</summary>
public sealed record TrainBenchmarkOptions
{
    /// <summary>The model's size.</summary>
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

/// <summary>
/// Speed of QLoRA training on random weights: NF4 with double quantisation, rank 64 on all linear layers but the head, dropout 0.05,
/// 8 rows of 130 tokens of which the last 3 are supervised.
/// </summary>
public sealed class TrainBenchmark : IDisposable
{
    private const int Rows = 8;
    private const int RowLength = 130;
    private const int Supervised = 3;

    // Tokens that the prompts of the published recipe begin with.
    private const int Prefix = 66;
    private const int Rank = 64;
    private const int Seed = 7;

    // Blocks alone never look words up: a small vocabulary saves memory.
    private const int SmallVocabulary = 1000;

    private readonly TrainBenchmarkOptions _options;
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly Decoder _model;
    private readonly IReadOnlyList<TrainableParameter> _parameters;
    private readonly Optimizer? _optimizer;
    private readonly PeakProbe _probe;
    private readonly TokenSequence[] _rows;
    private int _step;

    /// <summary>Makes the model.</summary>
    /// <param name="options">What to measure.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="OptionsException">The options make no benchmark; all problems are listed.</exception>
    public TrainBenchmark(TrainBenchmarkOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        Check(options);
        (_options, _time, _started) = (options, time, time.GetTimestamp());
        var config = options.Layers is { } layers
            ? options.Shape.Config with { LayerCount = layers, VocabularySize = Math.Min(SmallVocabulary, options.Shape.Config.VocabularySize) }
            : options.Shape.Config;
        _probe = new PeakProbe(options.ComputeType);
        _model = new Decoder(config, new RandomNf4Weights(Seed, config.InitializerRange)) { UseCheckpointing = IsWhole };
        var adapters = AdapterModel.Start(
            _model, new LoraConfig { TargetModules = ModuleSelector.AllLinear, Rank = Rank, Alpha = 16, Dropout = 0.05 }, Seed);
        _parameters = [.. adapters.Trainable.Select(item => new TrainableParameter(item.Name, item.Parameter, Decays: true))];
        _optimizer = IsWhole ? new Optimizer(_parameters, new TrainingOptions(), RankGroup.Alone) : null;
        _rows = RandomRows(config.VocabularySize, RowLength);
    }

    private bool IsWhole => _options.Layers is null;

    /// <summary>Warms up and measures.</summary>
    /// <param name="progress">Told one line a sample.</param>
    /// <returns>The figures of the median sample.</returns>
    public TrainBenchmarkResult Run(Action<string> progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        progress($"{_options.Shape.Name}: weights made in {Elapsed.TotalSeconds:0.0} s");
        WarmUp();
        var plan = new SamplingPlan(_options.Samples, _options.Budget, _options.Limit);
        var samples = plan.Take(() => Elapsed, () => Report(Sample(_rows), progress));
        var (kept, isDisturbed) = plan.Keep(samples);
        return TrainBenchmarkResult.Of(
            _options, Operations(), kept, samples.Count - kept.Count, isDisturbed, Rows, Rows * RowLength, ComputedTokens);
    }

    /// <summary>Releases the model.</summary>
    public void Dispose()
    {
        _optimizer?.Dispose();
        _model.Dispose();
    }

    private TimeSpan Elapsed => _time.GetElapsedTime(_started);

    private int ComputedTokens => _options.SharesPrefix ? Prefix + (Rows * (RowLength - Prefix)) : Rows * RowLength;

    private OperationCount Operations() => IsWhole
        ? OperationCount.OfModel(_model.Config, Rank, ComputedTokens, Rows * Supervised)
        : OperationCount.OfLayers(_model.Config, _model.Config.LayerCount, Rank, ComputedTokens);

    private static void Check(TrainBenchmarkOptions options)
    {
        if (options.Layers is { } layers && (layers < 1 || layers > options.Shape.Config.LayerCount))
        {
            throw new OptionsException(new Problem(
                "--layers", "the shape has no such number of layers", $"1 to {options.Shape.Config.LayerCount}", $"{layers}"));
        }
    }

    /// <summary>Compiles everything and faults the memory in; a whole model is too slow to do so at full length.</summary>
    private void WarmUp() => Sample(IsWhole ? RandomRows(_model.Config.VocabularySize, Supervised + 13) : _rows);

    private BenchmarkSample Sample(TokenSequence[] rows)
    {
        using var scope = TensorScope.Enter();
        var context = new ForwardContext(_options.ComputeType, new DropoutKey(Seed, _step++, 0));
        var before = _probe.Measure();
        var start = _time.GetTimestamp();
        var root = Forward(rows, context);
        var forward = _time.GetElapsedTime(start);
        var gradient = IsWhole ? null : Tensor.Empty(root.Shape, root.DType, root.Device).UniformInPlace(-1, 1);
        var between = _probe.Measure();
        start = _time.GetTimestamp();
        Autograd.Backward([root], [gradient]);
        _optimizer?.Step(learningRate: 1e-4, gradientScale: 1);
        var backward = _time.GetElapsedTime(start);
        var after = _probe.Measure();
        ClearGradients();
        _probe.Adapt(backward);
        return new BenchmarkSample(forward.TotalSeconds, backward.TotalSeconds, before, between, after);
    }

    private Tensor Forward(TokenSequence[] rows, ForwardContext context) => IsWhole
        ? new NextTokenBatch(_model, rows, new NextTokenForm { SharesPrefix = _options.SharesPrefix }).LossSum(context)
        : _model.HiddenStates(TokenBatch.Of([.. rows.Select(row => row.Tokens)], _options.SharesPrefix ? Prefix : 0), context, null);

    private void ClearGradients()
    {
        foreach (var parameter in _parameters)
        {
            parameter.Parameter.Value.Grad = null;
        }
    }

    private BenchmarkSample Report(BenchmarkSample sample, Action<string> progress)
    {
        var operations = Operations();
        progress(string.Create(
            null,
            $"forward {sample.ForwardSeconds:0.000} s ({operations.Forward / sample.ForwardSeconds / sample.ForwardPeak:P1} of the peak), "
            + $"backward {sample.BackwardSeconds:0.000} s ({operations.Backward / sample.BackwardSeconds / sample.BackwardPeak:P1}), "
            + $"peak {sample.Peak / 1e9:0} GFLOP/s{(sample.IsSteady ? string.Empty : ", unsteady")}"));
        return sample;
    }

    private static TokenSequence[] RandomRows(int vocabulary, int length)
    {
        var random = new Random(Seed);
        return [.. Enumerable.Range(0, Rows).Select(_ =>
        {
            var tokens = Enumerable.Range(0, length).Select(at => at < Prefix ? (at * 7) % vocabulary : random.Next(vocabulary)).ToArray();
            return new TokenSequence(tokens, [.. tokens.Select((token, i) => i < length - Supervised ? TokenSequence.Ignored : token)]);
        })];
    }
}
