using Guanxi.Torch;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>A model with random weights that is asked one thing at a time, as a server's clients do.</summary>
internal abstract class ServedModel : IDisposable
{
    /// <summary>Tokens of a question that are new to the model.</summary>
    public const int NewTokens = 64;

    /// <summary>Labels to choose from.</summary>
    public const int Labels = 14;

    protected const int Seed = 7;

    /// <summary>Operations that the new tokens need, and the head once.</summary>
    public abstract double Operations { get; }

    /// <summary>Answers one question.</summary>
    /// <param name="question">Which one: each has other tokens.</param>
    public abstract void Ask(int question);

    /// <summary>Passes over other numbers of tokens to be timed beside, without labels, each with the operations it needs.</summary>
    public virtual IReadOnlyList<(int Tokens, double Operations, Action Run)> Prefills => [];

    public abstract void Dispose();

    protected static int[] Tokens(int question, int count, int vocabulary)
    {
        var random = new Random(Seed + question);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(vocabulary))];
    }
}

/// <summary>A decoder whose prompts share their first 66 tokens, with labels as those of the published data: nine of one token, five of two.</summary>
internal sealed class ServedDecoder : ServedModel
{
    private const int PrefixLength = 66;
    private const int LabelsOfOneToken = 9;
    private const int FirstLabelToken = 100;

    // Two labels begin alike.
    private static readonly int[] s_firstTokensOfLong = [9, 10, 11, 11, 12];

    private static readonly int[] s_prefillTokens = [55, 130, 512];

    private readonly Decoder _model;
    private readonly ForwardContext _context;
    private readonly int[] _prefix;
    private readonly LabelScorer _scorer;

    public ServedDecoder(DecoderConfig config, DType? stored, DType computeType)
    {
        WeightSource weights = stored is { } dtype ? new RandomWeights(Seed, config.InitializerRange, dtype) : new RandomNf4Weights(Seed, config.InitializerRange);
        _model = new Decoder(config with { MaxPositions = Math.Max(config.MaxPositions, PrefixLength + s_prefillTokens[^1]) }, weights);
        _context = new ForwardContext(computeType, null);
        _prefix = Tokens(-1, PrefixLength, config.VocabularySize);
        _scorer = new LabelScorer(_model, _context, _prefix, LabelTokens(config.EosIds[0]));
    }

    public override double Operations => OperationCount.OfModel(_model.Config, rank: 0, NewTokens, supervised: 1).Forward;

    public override IReadOnlyList<(int Tokens, double Operations, Action Run)> Prefills =>
    [
        .. s_prefillTokens.Select(tokens => (
            tokens, OperationCount.OfModel(_model.Config, rank: 0, tokens, supervised: 1).Forward, (Action)(() => Prefill(tokens)))),
    ];

    public override void Ask(int question) => _scorer.Score([[.. _prefix, .. Tokens(question, NewTokens, _model.Config.VocabularySize)]]);

    public override void Dispose()
    {
        _scorer.Dispose();
        _model.Dispose();
    }

    private static int[][] LabelTokens(int stop) =>
    [
        .. Enumerable.Range(0, LabelsOfOneToken).Select(label => (int[])[FirstLabelToken + label, stop]),
        .. s_firstTokensOfLong.Select((first, label) => (int[])[FirstLabelToken + first, FirstLabelToken + Labels + label, stop]),
    ];

    private void Prefill(int tokens)
    {
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        var batch = TokenBatch.Of([Tokens(0, tokens, _model.Config.VocabularySize)]) with { OutputRows = [tokens - 1] };
        _model.Logits(_model.Forward(batch, _context), _context);
    }
}

/// <summary>An encoder of BERT's base size with R-BERT's head.</summary>
internal sealed class ServedEncoder : ServedModel
{
    private const int LongRow = 128;

    private readonly Encoder _model;
    private readonly ForwardContext _context;

    public ServedEncoder(EncoderConfig config, DType stored, DType computeType)
    {
        _model = new Encoder(config, hasPooler: true, new RandomWeights(Seed, config.InitializerRange, stored));
        _context = new ForwardContext(computeType, null);
    }

    public override double Operations => OperationsOf(NewTokens);

    public override IReadOnlyList<(int Tokens, double Operations, Action Run)> Prefills => [(LongRow, OperationsOf(LongRow), () => Ask(0, LongRow))];

    public override void Ask(int question) => Ask(question, NewTokens);

    public override void Dispose() => _model.Dispose();

    private double OperationsOf(int tokens) => OperationCount.OfEncoder(_model.Config, tokens).Forward;

    private void Ask(int question, int tokens)
    {
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        var batch = TokenBatch.Of([Tokens(question, tokens, _model.Config.VocabularySize)]);
        _model.ClassifyPair(batch, [new SpanPair((3, 8), (20, 25))], usesPooler: true, _context).To(DType.Float32).Softmax(1).ToArray<float>();
    }
}
