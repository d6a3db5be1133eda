using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Models;

/// <summary>
/// BERT (Devlin et al. 2018, arXiv 1810.04805), one definition for every encoder, driven by its <see cref="EncoderConfig"/>. It reads
/// rows of tokens laid end to end: there is no padding to mask.
/// </summary>
public sealed class Encoder : Module
{
    private readonly Parameter _words;
    private readonly Parameter _positions;
    private readonly Parameter _types;
    private readonly LayerNorm _norm;
    private readonly EncoderLayer[] _layers;
    private readonly Linear? _pooler;
    private readonly Linear? _classifier;
    private readonly TokenScores? _tokenScores;
    private readonly EntityPairHead? _entityPair;

    /// <summary>Builds the model from a source of weights.</summary>
    /// <param name="config">Shape and constants.</param>
    /// <param name="hasPooler">Whether there is a pooled state; one that tells classes apart always has one.</param>
    /// <param name="source">Where the weights come from.</param>
    public Encoder(EncoderConfig config, bool hasPooler, WeightSource source)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(source);
        Config = config;
        var root = config.Head == EncoderHead.None ? string.Empty : "bert.";
        _words = Embedding($"{root}embeddings.word_embeddings.weight", config.VocabularySize);
        _positions = Embedding($"{root}embeddings.position_embeddings.weight", config.MaxPositions);
        _types = Embedding($"{root}embeddings.token_type_embeddings.weight", config.TokenTypeCount);
        _norm = Register($"{root}embeddings.LayerNorm", Norm(config, $"{root}embeddings.LayerNorm", source));
        _layers = new EncoderLayer[config.LayerCount];
        for (var i = 0; i < _layers.Length; i++)
        {
            var path = $"{root}encoder.layer.{i}";
            _layers[i] = Register(path, new EncoderLayer(config, path, source, DropoutSites.FirstOfEncoderLayer(i)));
        }

        if (hasPooler || EncoderConfigFile.HasClasses(config.Head))
        {
            _pooler = Part($"{root}pooler.dense", config.HiddenSize);
        }

        switch (config.Head)
        {
            case EncoderHead.Classification:
                _classifier = Part("classifier", config.Labels.Count);
                break;
            case EncoderHead.MaskedLanguage:
                _tokenScores = Register("cls.predictions", new TokenScores(config, "cls.predictions", _words, source));
                break;
            case EncoderHead.EntityPair:
                _entityPair = Register(string.Empty, new EntityPairHead(config, source));
                break;
            default:
                break;
        }

        Parameter Embedding(string name, int rows) => Register(name, source.Parameter(name, WeightStart.Normal, rows, config.HiddenSize));

        Linear Part(string path, int outputSize) => Register(path, source.Linear(path, outputSize, config.HiddenSize, hasBias: true));
    }

    /// <summary>Shape and constants.</summary>
    public EncoderConfig Config { get; }

    /// <summary>Whether activations inside a layer are computed again in the backward pass instead of being kept.</summary>
    /// <value>False.</value>
    public bool UseCheckpointing { get; set; }

    /// <summary>Runs embeddings and layers.</summary>
    /// <param name="batch">Tokens, their kinds and rows, without cache and tree.</param>
    /// <param name="context">Compute type and dropout.</param>
    /// <param name="observe">Sees the embedding and then every layer's output; null to see nothing.</param>
    /// <returns>[N, C], or [rows asked for, C].</returns>
    /// <exception cref="ArgumentException">
    /// A row is longer than the model's positions, an id or kind is outside its vocabulary, or the batch has a cache.
    /// </exception>
    public Tensor HiddenStates(TokenBatch batch, ForwardContext context, Action<Tensor>? observe)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(context);
        Check(batch);
        using var scope = TensorScope.Enter();
        var x = Embed(batch, context);
        observe?.Invoke(x);
        for (var i = 0; i < _layers.Length; i++)
        {
            var rows = i == _layers.Length - 1 ? batch.OutputRows : null;
            var (layer, call) = (_layers[i], new LayerCall(batch.Layout, null, false, rows, context));
            x = UseCheckpointing && context.IsTraining ? Checkpoint.Run((input, _) => layer.Forward(input, call), x) : layer.Forward(x, call);
            observe?.Invoke(x);
        }

        return scope.Keep(x);
    }

    /// <summary>The pooled state: tanh of a linear layer over the states of first tokens.</summary>
    /// <param name="firstTokens">[B, C], the last layer's states of every row's first token.</param>
    /// <param name="context">Compute type.</param>
    /// <returns>[B, C].</returns>
    /// <exception cref="InvalidOperationException">The model has no pooler.</exception>
    public Tensor Pool(Tensor firstTokens, ForwardContext context)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Having(_pooler, "pooler").Forward(firstTokens, context).Tanh());
    }

    /// <summary>Scores of the classes of every row.</summary>
    /// <param name="batch">Tokens, their kinds and rows; what it says of output rows does not count.</param>
    /// <param name="context">Compute type and dropout.</param>
    /// <returns>[B, K], K as in <see cref="EncoderConfig.Labels"/>.</returns>
    /// <exception cref="ArgumentException">As <see cref="HiddenStates"/>, or a row is empty.</exception>
    /// <exception cref="InvalidOperationException">The model has no classifier.</exception>
    public Tensor Classify(TokenBatch batch, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(context);
        using var scope = TensorScope.Enter();
        var classifier = Having(_classifier, "classifier");
        var first = FirstTokens(batch);
        var pooled = Pool(HiddenStates(batch with { OutputRows = first }, context, null), context);
        return scope.Keep(classifier.Forward(Drop(pooled, Config.ClassifierDropout, context, DropoutSites.Classifier), context));
    }

    /// <summary>Scores of the classes of every row, from its first token and two spans of it.</summary>
    /// <param name="batch">Tokens, their kinds and rows; what it says of output rows does not count.</param>
    /// <param name="spans">For every row two half-open ranges of its tokens; an empty one has an average of zeros.</param>
    /// <param name="usesPooler">Whether the first token's state goes through the pooler, as in the published code; else it is taken as it is, as in the paper's formula.</param>
    /// <param name="context">Compute type and dropout.</param>
    /// <returns>[B, K], K as in <see cref="EncoderConfig.Labels"/>.</returns>
    /// <exception cref="ArgumentException">As <see cref="HiddenStates"/>, or a row is empty, or a span is not of its row.</exception>
    /// <exception cref="InvalidOperationException">The model has no such head.</exception>
    public Tensor ClassifyPair(TokenBatch batch, IReadOnlyList<SpanPair> spans, bool usesPooler, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(spans);
        ArgumentNullException.ThrowIfNull(context);
        using var scope = TensorScope.Enter();
        var head = Having(_entityPair, "head for two spans");
        var first = FirstTokens(batch);
        var places = new SpanPlaces(batch.Layout, spans);
        var hidden = HiddenStates(batch with { OutputRows = places.Asked }, context, null); // [M, C]
        var start = hidden.IndexSelect(0, places.IndicesOf(first, hidden.Device)); // [B, C]
        return scope.Keep(head.Forward(usesPooler ? Pool(start, context) : start, places.Averages(hidden, 0), places.Averages(hidden, 1), context));
    }

    /// <summary>The output of an inner layer, without computing those behind it.</summary>
    /// <param name="batch">Tokens, their kinds and rows, without cache and tree.</param>
    /// <param name="layers">How many layers are computed, from 0 to all.</param>
    /// <param name="context">Compute type and dropout.</param>
    /// <returns>[N, C].</returns>
    /// <exception cref="ArgumentException">As <see cref="HiddenStates"/>, or there are not so many layers.</exception>
    public Tensor InnerStates(TokenBatch batch, int layers, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(context);
        Check(batch);
        if (layers < 0 || layers > _layers.Length)
        {
            throw new ArgumentException($"the encoder has {_layers.Length} layers, not {layers}", nameof(layers));
        }

        using var scope = TensorScope.Enter();
        var x = Embed(batch, context);
        foreach (var layer in _layers.Take(layers))
        {
            x = layer.Forward(x, new LayerCall(batch.Layout, null, false, null, context));
        }

        return scope.Keep(x);
    }

    /// <summary>Scores of all tokens.</summary>
    /// <param name="hidden">[M, C], the last layer's states of the places asked for.</param>
    /// <param name="context">Compute type.</param>
    /// <returns>[M, V].</returns>
    /// <exception cref="InvalidOperationException">The model has no masked-language head.</exception>
    public Tensor TokenLogits(Tensor hidden, ForwardContext context)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Having(_tokenScores, "masked-language head").Forward(hidden, context));
    }

    internal static LayerNorm Norm(EncoderConfig config, string path, WeightSource source) => new(
        source.Parameter($"{path}.weight", WeightStart.One, config.HiddenSize),
        source.Parameter($"{path}.bias", WeightStart.Zero, config.HiddenSize),
        config.LayerNormEpsilon);

    internal static Tensor Drop(Tensor x, double probability, ForwardContext context, int site) =>
        context.Dropout is { } key && probability > 0 ? Functional.Dropout(x, probability, key, site) : x;

    private static int[] FirstTokens(TokenBatch batch)
    {
        for (var row = 0; row < batch.Layout.RowCount; row++)
        {
            if (batch.Layout.RowLength(row) == 0)
            {
                throw new ArgumentException($"row {row} is empty", nameof(batch));
            }
        }

        return [.. batch.Layout.RowStarts.SkipLast(1)];
    }

    private static TPart Having<TPart>(TPart? part, string name)
        where TPart : Module => part ?? throw new InvalidOperationException($"the encoder has no {name}");

    private void Check(TokenBatch batch)
    {
        batch.Check(Config.VocabularySize, Config.MaxPositions);
        if (batch.Cache is not null)
        {
            throw new ArgumentException("an encoder sees whole rows: it has no cache");
        }

        foreach (var type in batch.TokenTypes ?? [])
        {
            if (type < 0 || type >= Config.TokenTypeCount)
            {
                throw new ArgumentException($"a token is of kind {type}; the model knows {Config.TokenTypeCount}");
            }
        }
    }

    private Tensor Embed(TokenBatch batch, ForwardContext context)
    {
        using var scope = TensorScope.Enter();
        var types = batch.TokenTypes ?? new long[batch.Tokens.Length];
        long[] positions = [.. batch.Layout.Positions.Select(position => (long)position)];
        var sum = Rows(_words, batch.Tokens) + Rows(_types, types) + Rows(_positions, positions); // [N, C]
        var x = Drop(_norm.Forward(sum.To(context.ComputeType)), Config.HiddenDropout, context, DropoutSites.EncoderEmbedding);
        if (Autograd.IsRecording && !x.RequiresGrad && context.IsTraining)
        {
            // Frozen embeddings begin no graph, yet the adapters of the first layer must be reached through them.
            x = x.Detach();
            x.RequiresGrad = true;
        }

        return scope.Keep(x);
    }

    private static Tensor Rows(Parameter table, long[] indices) =>
        Tensor.Embedding(table.Value, Tensor.From<long>(indices, indices.Length).ToDevice(table.Value.Device));
}

/// <summary>One layer: attention and feed-forward, each with a residual and a norm behind it.</summary>
internal sealed class EncoderLayer : Module
{
    private readonly EncoderConfig _config;
    private readonly int _site;
    private readonly Linear[] _inputs;
    private readonly Linear _mixed;
    private readonly LayerNorm _mixedNorm;
    private readonly Linear _inner;
    private readonly Linear _outer;
    private readonly LayerNorm _outerNorm;

    /// <summary>Builds the layer.</summary>
    /// <param name="config">Shape and constants.</param>
    /// <param name="path">Path of the layer.</param>
    /// <param name="source">Where the weights come from.</param>
    /// <param name="site">First of three places of dropout.</param>
    public EncoderLayer(EncoderConfig config, string path, WeightSource source, int site)
    {
        (_config, _site) = (config, site);
        var (hidden, inner) = (config.HiddenSize, config.IntermediateSize);
        _inputs =
        [
            Part("attention.self.query", hidden, hidden), Part("attention.self.key", hidden, hidden), Part("attention.self.value", hidden, hidden),
        ];
        _mixed = Part("attention.output.dense", hidden, hidden);
        _mixedNorm = Register("attention.output.LayerNorm", Encoder.Norm(config, $"{path}.attention.output.LayerNorm", source));
        _inner = Part("intermediate.dense", inner, hidden);
        _outer = Part("output.dense", hidden, inner);
        _outerNorm = Register("output.LayerNorm", Encoder.Norm(config, $"{path}.output.LayerNorm", source));

        Linear Part(string name, long outputSize, long inputSize) =>
            Register(name, source.Linear($"{path}.{name}", outputSize, inputSize, hasBias: true));
    }

    internal Tensor Forward(Tensor x, LayerCall call)
    {
        using var scope = TensorScope.Enter();
        var context = call.Context;
        var (tokens, hidden) = (x.Size(0), x.Size(1));
        var parts = Linear.ForwardAll(x, _inputs, context).Select(part => part.View(tokens, _config.HeadCount, _config.HeadDim)).ToArray();
        var pattern = context.Dropout is { } key && _config.AttentionDropout > 0
            ? AttentionPattern.Bidirectional with { Dropout = new AttentionDropout(_config.AttentionDropout, key, _site) }
            : AttentionPattern.Bidirectional;
        var mixed = Functional.Attention(parts[0], parts[1], parts[2], call.Layout, pattern, null, null).View(tokens, hidden); // [N, C]

        // Nothing after the attention looks sideways.
        (x, mixed) = (call.Asked(x), call.Asked(mixed));
        x = _mixedNorm.Forward(x + Encoder.Drop(_mixed.Forward(mixed, context), _config.HiddenDropout, context, _site + 1));
        var outer = _outer.Forward(Functional.Gelu(_inner.Forward(x, context)), context);
        return scope.Keep(_outerNorm.Forward(x + Encoder.Drop(outer, _config.HiddenDropout, context, _site + 2)));
    }
}

/// <summary>The head that guesses hidden tokens: a layer of its own, then products with the embeddings of all tokens.</summary>
internal sealed class TokenScores : Module
{
    private readonly Linear _transform;
    private readonly LayerNorm _norm;
    private readonly Linear _products;

    public TokenScores(EncoderConfig config, string path, Parameter words, WeightSource source)
    {
        _transform = Register(
            "transform.dense", source.Linear($"{path}.transform.dense", config.HiddenSize, config.HiddenSize, hasBias: true));
        _norm = Register("transform.LayerNorm", Encoder.Norm(config, $"{path}.transform.LayerNorm", source));
        _products = new Linear(
            new DenseWeight(words), Register("bias", source.Parameter($"{path}.bias", WeightStart.Zero, config.VocabularySize)));
    }

    internal Tensor Forward(Tensor hidden, ForwardContext context) =>
        _products.Forward(_norm.Forward(Functional.Gelu(_transform.Forward(hidden, context))), context);
}
