using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Training;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>A training step on random weights, to be timed.</summary>
internal abstract class BenchmarkedStep : IDisposable
{
    /// <summary>Of weights, tokens and dropout.</summary>
    public const int Seed = 7;

    private readonly Module _model;
    private readonly IReadOnlyList<TrainableParameter> _parameters;
    private readonly Optimizer? _optimizer;

    protected BenchmarkedStep(Module model, IReadOnlyList<TrainableParameter> parameters, bool updates)
    {
        (_model, _parameters) = (model, parameters);
        _optimizer = updates ? new Optimizer(parameters, new TrainingOptions(), RankGroup.Alone) : null;
    }

    /// <summary>What is trained, in words.</summary>
    public abstract string Name { get; }

    /// <summary>Rows of a step.</summary>
    public abstract int Rows { get; }

    /// <summary>Tokens of its rows.</summary>
    public abstract long RealTokens { get; }

    /// <summary>Tokens that are computed for them.</summary>
    public abstract long ComputedTokens { get; }

    /// <summary>Operations that the mathematics needs.</summary>
    public abstract OperationCount Operations { get; }

    /// <summary>Runs the model.</summary>
    /// <param name="context">Compute type and dropout.</param>
    /// <param name="isWarmUp">Whether it only compiles everything and faults the memory in.</param>
    /// <returns>The loss, or states whose gradients are given.</returns>
    public abstract Tensor Forward(ForwardContext context, bool isWarmUp);

    /// <summary>Updates the parameters, where that is part of the step.</summary>
    public void Update() => _optimizer?.Step(learningRate: 1e-4, gradientScale: 1);

    /// <summary>Forgets the gradients.</summary>
    public void ClearGradients()
    {
        foreach (var parameter in _parameters)
        {
            parameter.Parameter.Value.Grad = null;
        }
    }

    /// <summary>Releases model and optimizer.</summary>
    public void Dispose()
    {
        _optimizer?.Dispose();
        _model.Dispose();
    }
}

/// <summary>
/// QLoRA: NF4 with double quantisation, rank 64 on all linear layers but the head, dropout 0.05, 8 rows of 130 tokens of which the last 3 are
/// supervised. The whole model has checkpointing, head and update; blocks alone have none of them.
/// </summary>
internal sealed class DecoderStep : BenchmarkedStep
{
    private const int RowCount = 8;
    private const int RowLength = 130;
    private const int Supervised = 3;

    // Tokens that the prompts of the published recipe begin with.
    private const int Prefix = 66;
    private const int Rank = 64;

    // Blocks alone never look words up: a small vocabulary saves memory.
    private const int SmallVocabulary = 1000;

    // A whole model is too slow to be warmed up at full length.
    private const int ShortRow = Supervised + 13;

    private readonly Decoder _model;
    private readonly int? _layers;
    private readonly bool _sharesPrefix;
    private readonly TokenSequence[] _rows;

    public DecoderStep(DecoderShape shape, int? layers, bool sharesPrefix)
        : this(Start(Checked(shape, layers), layers is null), layers, sharesPrefix)
    {
    }

    private DecoderStep((Decoder Model, IReadOnlyList<TrainableParameter> Parameters) start, int? layers, bool sharesPrefix)
        : base(start.Model, start.Parameters, updates: layers is null)
    {
        (_model, _layers, _sharesPrefix) = (start.Model, layers, sharesPrefix);
        _rows = RandomRows(RowLength);
    }

    public override string Name => "QLoRA";

    public override int Rows => RowCount;

    public override long RealTokens => RowCount * RowLength;

    public override long ComputedTokens => _sharesPrefix ? Prefix + (RowCount * (RowLength - Prefix)) : RowCount * RowLength;

    public override OperationCount Operations => _layers is null
        ? OperationCount.OfModel(_model.Config, Rank, ComputedTokens, RowCount * Supervised)
        : OperationCount.OfLayers(_model.Config, _model.Config.LayerCount, Rank, ComputedTokens);

    public override Tensor Forward(ForwardContext context, bool isWarmUp)
    {
        if (_layers is not null)
        {
            return _model.HiddenStates(TokenBatch.Of([.. _rows.Select(row => row.Tokens)], _sharesPrefix ? Prefix : 0), context, null);
        }

        var rows = isWarmUp ? RandomRows(ShortRow) : _rows;
        return new NextTokenBatch(_model, rows, new NextTokenForm { SharesPrefix = _sharesPrefix }).LossSum(context);
    }

    private static DecoderConfig Checked(DecoderShape shape, int? layers) => layers switch
    {
        null => shape.Config,
        { } count when count >= 1 && count <= shape.Config.LayerCount => shape.Config with
        {
            LayerCount = count, VocabularySize = Math.Min(SmallVocabulary, shape.Config.VocabularySize),
        },
        _ => throw new OptionsException(
            new Problem("layers", "the shape has no such number of layers", $"1 to {shape.Config.LayerCount}", $"{layers}")),
    };

    private static (Decoder Model, IReadOnlyList<TrainableParameter> Parameters) Start(DecoderConfig config, bool isWhole)
    {
        var model = new Decoder(config, new RandomNf4Weights(Seed, config.InitializerRange)) { UseCheckpointing = isWhole };
        var adapters = AdapterModel.Start(model, new LoraConfig { TargetModules = ModuleSelector.AllLinear, Rank = Rank, Alpha = 16, Dropout = 0.05 }, Seed);
        return (model, [.. adapters.Trainable.Select(item => new TrainableParameter(item.Name, item.Parameter, Decays: true))]);
    }

    private TokenSequence[] RandomRows(int length)
    {
        var (random, vocabulary) = (new Random(Seed), _model.Config.VocabularySize);
        return [.. Enumerable.Range(0, RowCount).Select(_ =>
        {
            var tokens = Enumerable.Range(0, length).Select(at => at < Prefix ? (at * 7) % vocabulary : random.Next(vocabulary)).ToArray();
            return new TokenSequence(tokens, [.. tokens.Select((token, i) => i < length - Supervised ? TokenSequence.Ignored : token)]);
        })];
    }
}

/// <summary>R-BERT in full: 16 rows of 128 tokens, dropout as published, every parameter updated.</summary>
internal sealed class EncoderStep : BenchmarkedStep
{
    private const int RowCount = 16;
    private const int RowLength = 128;

    private readonly Encoder _model;
    private readonly int[][] _rows;

    public EncoderStep(EncoderShape shape, int? layers, bool sharesPrefix)
        : this(new Encoder(Checked(shape.Config, layers, sharesPrefix), hasPooler: true, new RandomWeights(Seed, shape.Config.InitializerRange, DType.Float32)))
    {
    }

    private EncoderStep(Encoder model)
        : base(model, TrainableParameter.AllOf(model), updates: true)
    {
        _model = model;
        var random = new Random(Seed);
        _rows = [.. Enumerable.Range(0, RowCount).Select(_ => Enumerable.Range(0, RowLength).Select(_ => random.Next(model.Config.VocabularySize)).ToArray())];
    }

    public override string Name => "R-BERT";

    public override int Rows => RowCount;

    public override long RealTokens => RowCount * RowLength;

    public override long ComputedTokens => RealTokens;

    public override OperationCount Operations => OperationCount.OfEncoder(_model.Config, RealTokens);

    public override Tensor Forward(ForwardContext context, bool isWarmUp)
    {
        using var scope = TensorScope.Enter();
        var spans = Enumerable.Repeat(new SpanPair((3, 8), (20, 25)), RowCount).ToArray();
        var logits = _model.ClassifyPair(TokenBatch.Of(_rows), spans, usesPooler: true, context); // [B, K]
        var classes = Enumerable.Range(0, RowCount).Select(row => (long)(row % _model.Config.Labels.Count)).ToArray();
        return scope.Keep(Functional.CrossEntropySum(logits, Tensor.From<long>(classes, RowCount), labelSmoothing: 0));
    }

    private static EncoderConfig Checked(EncoderConfig config, int? layers, bool sharesPrefix)
    {
        List<Problem> problems = [];
        if (layers is not null)
        {
            problems.Add(new Problem("layers", "an encoder is measured whole", "no such option", $"{layers}"));
        }

        if (sharesPrefix)
        {
            problems.Add(new Problem(
                "shared_prefix", "an encoder's rows share nothing: every token sees all of its row", "no such option", "true"));
        }

        return problems.Count == 0 ? config : throw new OptionsException(problems);
    }
}
