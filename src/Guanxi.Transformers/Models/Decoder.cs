using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Models;

/// <summary>
/// The decoder-only language model, one definition for every family, driven by its <see cref="DecoderConfig"/>. It reads rows of
/// tokens laid end to end: there is no padding to mask.
/// </summary>
public sealed class Decoder : Module
{
    // Few rows are longer; for those the table grows.
    private const int FirstRopePositions = 4096;

    private readonly Parameter _embedding;
    private readonly DecoderLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly Linear? _head;
    private readonly NormHead? _normHead;
    private readonly RopeTable? _rope;

    /// <summary>Builds the model from a source of weights.</summary>
    /// <param name="config">Shape and constants.</param>
    /// <param name="source">Where the weights come from.</param>
    public Decoder(DecoderConfig config, WeightSource source)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(source);
        Config = config;
        _rope = config.UsesAlibi
            ? null
            : new RopeTable(RopeScaling.Frequencies(config, 0), Math.Min(config.MaxPositions, FirstRopePositions));
        _embedding = Register(
            "model.embed_tokens.weight", source.Parameter("model.embed_tokens.weight", WeightStart.Normal, config.VocabularySize, config.HiddenSize));
        _layers = new DecoderLayer[config.LayerCount];
        for (var i = 0; i < _layers.Length; i++)
        {
            var path = $"model.layers.{i}";
            _layers[i] = Register(path, new DecoderLayer(config, i, path, source, _rope));
        }

        _norm = Register("model.norm", new RmsNorm(source.Parameter("model.norm.weight", WeightStart.One, config.HiddenSize), config.RmsNormEpsilon));
        if (config.HasNormHead)
        {
            _normHead = Register(
                "lm_head", new NormHead(source.Parameter("lm_head.weight", WeightStart.Normal, config.VocabularySize, config.HiddenSize)));
        }
        else
        {
            _head = config.TieWordEmbeddings
                ? new Linear(new DenseWeight(_embedding), null)
                : Register("lm_head", source.Linear("lm_head", config.VocabularySize, config.HiddenSize, hasBias: false));
        }
    }

    /// <summary>Shape and constants.</summary>
    public DecoderConfig Config { get; }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<DecoderLayer> Layers => _layers;

    /// <summary>Whether activations inside a layer are computed again in the backward pass instead of being kept.</summary>
    /// <value>False.</value>
    public bool UseCheckpointing { get; set; }

    /// <summary>Runs the layers and the last norm.</summary>
    /// <param name="batch">Tokens and their rows.</param>
    /// <param name="context">Compute type and dropout.</param>
    /// <returns>[N, C], or [rows asked for, C].</returns>
    /// <exception cref="ArgumentException">
    /// A row is longer than the model's positions, an id is outside its vocabulary, or tokens cannot be added to the cache.
    /// </exception>
    public Tensor Forward(TokenBatch batch, ForwardContext context) => _norm.Forward(HiddenStates(batch, context, null));

    /// <summary>Turns normalised hidden states into logits.</summary>
    /// <param name="hidden">[M, C], as <see cref="Forward"/> gives them.</param>
    /// <param name="context">Compute type.</param>
    /// <returns>[M, V], of the compute type.</returns>
    public Tensor Logits(Tensor hidden, ForwardContext context) =>
        _normHead?.Forward(hidden, context) ?? _head!.Forward(hidden, context);

    /// <summary>Runs embedding and layers, showing the hidden state after each.</summary>
    /// <param name="batch">Tokens and their rows.</param>
    /// <param name="context">Compute type and dropout.</param>
    /// <param name="observe">Sees the embedding and then every layer's output; null to see nothing.</param>
    /// <returns>The last layer's output, before the last norm.</returns>
    public Tensor HiddenStates(TokenBatch batch, ForwardContext context, Action<Tensor>? observe)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(context);
        batch.Check(Config.VocabularySize, Config.LongestRow);
        CoverPositions(batch.Layout.PositionCount);
        using var scope = TensorScope.Enter();
        var device = _embedding.Value.Device;
        var x = Tensor.Embedding(_embedding.Value, Tensor.From<long>(batch.Tokens, batch.Tokens.Length).ToDevice(device)).To(context.ComputeType); // [N, C]
        if (Autograd.IsRecording && !x.RequiresGrad && context.IsTraining)
        {
            // A frozen embedding begins no graph, yet the adapters of the first layer must be reached through it.
            x = x.Detach();
            x.RequiresGrad = true;
        }

        x = EmbeddingNoise.Add(x, batch.Layout, context);
        observe?.Invoke(x);
        for (var i = 0; i < _layers.Length; i++)
        {
            var rows = i == _layers.Length - 1 ? batch.OutputRows : null;
            var (layer, call) = (_layers[i], new LayerCall(batch.Layout, batch.Cache, batch.AppendToCache, rows, context));
            x = UseCheckpointing && context.IsTraining ? Checkpoint.Run((input, again) => layer.Forward(input, call with { OnlyGradients = again }), x) : layer.Forward(x, call);
            observe?.Invoke(x);
        }

        if (batch.AppendToCache)
        {
            batch.Cache!.Advance(batch.Layout.TokenCount);
        }

        return scope.Keep(x);
    }

    private void CoverPositions(int positions)
    {
        if (Config.RopeScaling is { IsDynamic: true })
        {
            _rope?.Change(RopeScaling.Frequencies(Config, positions), positions);
        }
        else
        {
            _rope?.Cover(positions);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
        {
            _rope?.Dispose();
        }
    }
}

/// <summary>What all layers of one forward pass share.</summary>
/// <param name="Layout">The rows.</param>
/// <param name="Cache">A common prefix, or null.</param>
/// <param name="AppendToCache">Whether this pass adds its tokens to the cache.</param>
/// <param name="OutputRows">Indices of the tokens whose output is wanted, or null for all.</param>
/// <param name="Context">Compute type and dropout.</param>
internal sealed record LayerCall(
    SequenceLayout Layout, KeyValueCache? Cache, bool AppendToCache, int[]? OutputRows, ForwardContext Context)
{
    /// <summary>Whether the pass is made again for its gradients alone: nobody looks at what a layer gives.</summary>
    /// <value>False.</value>
    public bool OnlyGradients { get; init; }

    /// <summary>The rows of [N, C] that are asked for.</summary>
    public Tensor Asked(Tensor x) => OutputRows is null
        ? x
        : x.IndexSelect(0, Tensor.From<long>(Array.ConvertAll(OutputRows, row => (long)row), OutputRows.Length).ToDevice(x.Device));
}

/// <summary>One layer: attention and feed-forward, each behind a norm and beside a residual.</summary>
public sealed class DecoderLayer : Module
{
    private readonly RmsNorm _inputNorm;
    private readonly RmsNorm _attentionNorm;
    private readonly SelfAttention _attention;
    private readonly FeedForward _feedForward;

    internal DecoderLayer(DecoderConfig config, int index, string path, WeightSource source, RopeTable? rope)
    {
        _attention = Register("self_attn", new SelfAttention(config, index, $"{path}.self_attn", source, rope));
        _feedForward = Register("mlp", new FeedForward(config, $"{path}.mlp", source));
        _inputNorm = Register("input_layernorm", Norm(config, $"{path}.input_layernorm", source));
        _attentionNorm = Register("post_attention_layernorm", Norm(config, $"{path}.post_attention_layernorm", source));
    }

    internal Tensor Forward(Tensor x, LayerCall call)
    {
        using var scope = TensorScope.Enter();
        var mixed = x + _attention.Forward(_inputNorm.Forward(x), call);

        // Nothing after the attention looks sideways.
        mixed = call.Asked(mixed);
        return scope.Keep(mixed + _feedForward.Forward(_attentionNorm.Forward(mixed), call));
    }

    private static RmsNorm Norm(DecoderConfig config, string path, WeightSource source) =>
        new(source.Parameter($"{path}.weight", WeightStart.One, config.HiddenSize), config.RmsNormEpsilon);
}

/// <summary>Causal self-attention with grouped key and value heads; positions are rotary or told by ALiBi.</summary>
internal sealed class SelfAttention : Module
{
    private readonly DecoderConfig _config;
    private readonly int _index;
    private readonly RopeTable? _rope;
    private readonly AttentionPattern _pattern;
    private readonly Linear[] _inputs;
    private readonly Linear _output;
    private readonly RmsNorm? _queryNorm;
    private readonly RmsNorm? _keyNorm;

    internal SelfAttention(DecoderConfig config, int index, string path, WeightSource source, RopeTable? rope)
    {
        _config = config;
        _index = index;
        _rope = rope;
        _pattern = new AttentionPattern
        {
            Window = index >= config.FirstWindowLayer ? config.SlidingWindow : 0,
            Slopes = config.UsesAlibi ? AttentionPattern.AlibiSlopes(config.HeadCount) : null,
        };
        var bias = config.HasQueryKeyValueBias;
        _inputs = config.FusedQueryKeyValue
            ? [Part("W_pack", QueryWidth + (2 * KeyWidth), config.HiddenSize, bias)]
            :
            [
                Part("q_proj", QueryWidth, config.HiddenSize, bias),
                Part("k_proj", KeyWidth, config.HiddenSize, bias),
                Part("v_proj", KeyWidth, config.HiddenSize, bias),
            ];
        _output = Part("o_proj", config.HiddenSize, QueryWidth, hasBias: false);
        if (config.HasQueryKeyNorm)
        {
            _queryNorm = Register("q_norm", HeadNorm("q_norm"));
            _keyNorm = Register("k_norm", HeadNorm("k_norm"));
        }

        Linear Part(string name, long outputSize, long inputSize, bool hasBias) =>
            Register(name, source.Linear($"{path}.{name}", outputSize, inputSize, hasBias));

        RmsNorm HeadNorm(string name) =>
            new(source.Parameter($"{path}.{name}.weight", WeightStart.One, config.HeadDim), config.RmsNormEpsilon);
    }

    private long QueryWidth => (long)_config.HeadCount * _config.HeadDim;

    private long KeyWidth => (long)_config.KeyValueHeadCount * _config.HeadDim;

    internal Tensor Forward(Tensor x, LayerCall call)
    {
        var (query, key, value) = Project(x, call.Context);
        var tokens = x.Size(0);
        query = Placed(query.View(tokens, _config.HeadCount, _config.HeadDim), _queryNorm, call.Layout);
        key = Placed(key.View(tokens, _config.KeyValueHeadCount, _config.HeadDim), _keyNorm, call.Layout);
        value = value.View(tokens, _config.KeyValueHeadCount, _config.HeadDim);
        var (prefixKey, prefixValue) = call.Cache?.Layer(_index) ?? default;
        var mixed = Functional.Attention(query, key, value, call.Layout, _pattern, prefixKey, prefixValue); // [N, H, D]
        if (call.AppendToCache)
        {
            call.Cache!.Append(_index, key, value);
        }

        return _output.Forward(mixed.Reshape(tokens, QueryWidth), call.Context);
    }

    /// <summary>Heads normalised and rotated, as far as the family does either.</summary>
    private Tensor Placed(Tensor heads, RmsNorm? norm, SequenceLayout layout)
    {
        heads = norm?.Forward(heads) ?? heads;
        return _rope is null ? heads : Functional.Rope(heads, layout, _rope);
    }

    private (Tensor Query, Tensor Key, Tensor Value) Project(Tensor x, ForwardContext context)
    {
        if (_inputs.Length > 1)
        {
            var outputs = Linear.ForwardAll(x, _inputs, context);
            return (outputs[0], outputs[1], outputs[2]);
        }

        var parts = _inputs[0].Forward(x, context).Split(-1, QueryWidth, KeyWidth, KeyWidth);
        return (parts[0].Contiguous(), parts[1].Contiguous(), parts[2].Contiguous());
    }
}

/// <summary>SwiGLU feed-forward: down(silu(gate(x)) * up(x)).</summary>
internal sealed class FeedForward : Module
{
    private readonly Linear _gate;
    private readonly Linear _up;
    private readonly Linear _down;

    internal FeedForward(DecoderConfig config, string path, WeightSource source)
    {
        _gate = Register("gate_proj", source.Linear($"{path}.gate_proj", config.IntermediateSize, config.HiddenSize, hasBias: false));
        _up = Register("up_proj", source.Linear($"{path}.up_proj", config.IntermediateSize, config.HiddenSize, hasBias: false));
        _down = Register("down_proj", source.Linear($"{path}.down_proj", config.HiddenSize, config.IntermediateSize, hasBias: false));
    }

    internal Tensor Forward(Tensor x, LayerCall call)
    {
        using var scope = TensorScope.Enter();
        var inner = Linear.ForwardAll(x, [_gate, _up], call.Context);

        // The layer's last product: only a residual stands behind it, whose gradient is the same whatever it adds.
        return scope.Keep(_down.Forward(Functional.SwiGlu(inner[0], inner[1]), call.Context with { OnlyGradients = call.OnlyGradients }));
    }
}
