using System.Text.Json;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Gguf;

namespace Guanxi.Transformers.Models;

/// <summary>Reads <see cref="DecoderConfig"/> from a Hugging Face configuration of any family and of any year.</summary>
internal sealed class DecoderConfigReader
{
    private const double DefaultRopeTheta = 10_000;
    private const double DefaultEpsilon = 1e-6;
    private const double DefaultInitializerRange = 0.02;
    private const int DefaultLastFullLayer = 28; // max_window_layers

    // Beside Baichuan2's vocabulary all that published files have to tell the forms apart.
    private const int Baichuan7BHiddenSize = 4096;

    // Sizes that have to go together.
    private static readonly string[] s_headKeys = ["hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"];

    private readonly JsonKeys _keys;
    private readonly JsonKeys? _ropeScaling;
    private readonly JsonKeys? _ropeParameters;
    private readonly List<Problem> _problems = [];
    private readonly string _file;

    private DecoderConfigReader(JsonElement root, string file)
    {
        _file = file;
        _keys = new JsonKeys(root, file, _problems);
        _ropeScaling = _keys.Nested("rope_scaling");
        _ropeParameters = _keys.Nested("rope_parameters");
    }

    /// <summary>Reads a file.</summary>
    public static DecoderConfig Read(string path)
    {
        var root = GgufFile.IsNamed(path) ? GgufConfig.Read(path) : JsonFile.ReadObject(path, ConfigKeys.MaxFileBytes);
        var reader = new DecoderConfigReader(root, path);
        var config = reader.Parse();
        return config is not null && reader._problems.Count == 0 ? config : throw new CheckpointException(reader._problems);
    }

    private DecoderConfig? Parse()
    {
        var modelType = _keys.Text("model_type");
        var family = Family(modelType, out var architecture);
        if (modelType == EncoderConfig.ModelType)
        {
            // Its other keys are right for what it is.
            return null;
        }

        RefuseCommon();
        var scaling = RopeScaling.Parse(_ropeScaling) ?? RopeScaling.Parse(_ropeParameters);
        var quantization = QuantizationConfig.Parse(_keys);
        var storage = ConfigKeys.StorageType(_keys);
        if (family is null)
        {
            return null;
        }

        var vocabularySize = _keys.Size("vocab_size", ConfigKeys.MostRows);
        var hiddenSize = _keys.Size("hidden_size", ConfigKeys.MostWidth);
        var headCount = _keys.Size("num_attention_heads", ConfigKeys.MostHeads);
        var layerCount = _keys.Size("num_hidden_layers", ConfigKeys.MostLayers);
        var (window, firstWindowLayer) = Window(family, layerCount);
        var headDim = hiddenSize / headCount;
        var config = new DecoderConfig
        {
            Architecture = architecture,
            ModelType = family.ModelType,
            VocabularySize = vocabularySize,
            HiddenSize = hiddenSize,
            IntermediateSize = _keys.Size("intermediate_size", ConfigKeys.MostRows),
            LayerCount = layerCount,
            HeadCount = headCount,
            KeyValueHeadCount = family.IsBaichuan
                ? headCount
                : Optional("num_key_value_heads", family.KeyValueHeads, headCount, ConfigKeys.MostHeads),
            HeadDim = family.IsBaichuan ? headDim : Optional("head_dim", family.HeadDim, headDim, ConfigKeys.MostWidth),
            RmsNormEpsilon = _keys.Number("rms_norm_eps", DefaultEpsilon, double.Epsilon, 1),
            RopeTheta = RopeTheta(),
            RopeScaling = scaling,
            MaxPositions = MaxPositions(family),
            TieWordEmbeddings = _keys.Flag("tie_word_embeddings", false),
            FusedQueryKeyValue = family.IsBaichuan,
            UsesAlibi = family.IsBaichuan && UsesAlibi(hiddenSize),
            HasNormHead = family.IsBaichuan && HasNormHead(vocabularySize),
            HasQueryKeyValueBias = family.HasQueryKeyValueBias,
            HasQueryKeyNorm = family.HasQueryKeyNorm,
            SlidingWindow = window,
            FirstWindowLayer = firstWindowLayer,
            BosId = _keys.TokenId("bos_token_id", family.BosId, vocabularySize),
            EosIds = _keys.TokenIds("eos_token_id", family.EosIds, vocabularySize),
            PadId = _keys.TokenId("pad_token_id", family.PadId, vocabularySize),
            InitializerRange = _keys.Number("initializer_range", DefaultInitializerRange, 0, 100),
            StorageType = storage,
            Quantization = quantization,
            AuthorClasses = _keys.TryFind("auto_map", out var classes) && classes.ValueKind == JsonValueKind.Object ? classes.GetRawText() : null,
        };
        CheckParts(config);
        return config;
    }

    // A key that is absent takes the family's default, one that is null what the other sizes leave.
    private int Optional(string key, int? ifAbsent, int ifNull, int most) =>
        _keys.Size(key, _keys.Mentions(key) ? ifNull : ifAbsent ?? ifNull, most);

    private DecoderFamily? Family(string? modelType, out string architecture)
    {
        var named = ConfigKeys.Architecture(_keys);
        var family = DecoderFamily.All.FirstOrDefault(
            family => family.ModelType == modelType && (named is null || family.Architectures.Contains(named)));
        if (family is null && _problems.Count == 0)
        {
            _problems.Add(new Problem(
                $"{_file}, model_type and architectures",
                "this kind of model is not supported",
                DecoderFamily.Supported,
                $"{FileErrors.Quote(modelType ?? "nothing")} with {FileErrors.Quote(named ?? "nothing")}",
                modelType == EncoderConfig.ModelType ? "It is an encoder, which is trained, evaluated and served as it is; this is for language models." : null));
        }

        architecture = named ?? family?.Architectures[0] ?? string.Empty;
        return family;
    }

    private void RefuseCommon()
    {
        ConfigKeys.RequireActivation(_keys, "silu", "swish");
        foreach (var key in (string[])["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"])
        {
            var experts = _keys.Number(key, 0, 0, double.MaxValue);
            if (experts > 0)
            {
                _keys.Report(key, "sparse experts are not supported", "a model with one feed-forward part a layer", $"{experts}");
            }
        }

        foreach (var key in (string[])["attention_bias", "mlp_bias"])
        {
            if (_keys.Flag(key, false))
            {
                _keys.Report(key, "not supported", "false", "true");
            }
        }

        if (_keys.Number("attention_dropout", 0, 0, 1) is > 0 and var dropout)
        {
            _keys.Report("attention_dropout", "dropout on attention weights is not supported", "0", $"{dropout}");
        }

        foreach (var keys in new[] { _keys, _ropeScaling, _ropeParameters }.OfType<JsonKeys>())
        {
            if (keys.Number("partial_rotary_factor", 1, 0, 1) is < 1 and var part)
            {
                keys.Report("partial_rotary_factor", "rotating a part of each head is not supported", "1", $"{part}");
            }
        }
    }

    // As transformers: Mistral's counts for all layers; Qwen's where it is switched on, for the layers from max_window_layers on.
    private (int Window, int FirstLayer) Window(DecoderFamily family, int layers)
    {
        var isOn = family.Window > 0 && (!family.WindowIsOptional || _keys.Flag("use_sliding_window", false));
        if (family.Window == 0 && _keys.Flag("use_sliding_window", false))
        {
            _keys.Report("use_sliding_window", "this family has no window", "false", "true");
        }

        var window = isOn && (!_keys.Mentions("sliding_window") || _keys.Has("sliding_window"))
            ? _keys.Size("sliding_window", family.Window, int.MaxValue)
            : 0;
        var first = family.WindowIsOptional && window > 0
            ? (int)_keys.Number("max_window_layers", DefaultLastFullLayer, 0, int.MaxValue)
            : 0;
        return (window, window == 0 ? 0 : FirstListed(layers) ?? Math.Min(first, layers));
    }

    private int? FirstListed(int layers)
    {
        const string Full = "full_attention";
        const string Sliding = "sliding_attention";
        if (_keys.Texts("layer_types") is not { } types)
        {
            return null;
        }

        var first = Array.IndexOf(types, Sliding);
        first = first < 0 ? types.Length : first;
        if (types.Length != layers || types[..first].Any(type => type != Full) || types[first..].Any(type => type != Sliding))
        {
            _keys.Report(
                "layer_types", "this order of layers is not supported", $"{layers} layers, first {Full}, then {Sliding}",
                FileErrors.Quote(string.Join(", ", types)));
        }

        return first;
    }

    // z_loss_weight stands only in the files of Baichuan2.
    private bool HasNormHead(int vocabularySize) =>
        _keys.Flag("norm_head", vocabularySize == DecoderFamily.Baichuan2VocabularySize || _keys.Mentions("z_loss_weight"));

    private bool UsesAlibi(int hiddenSize)
    {
        const string Rope = "rope";
        const string Alibi = "alibi";
        var isRope = _keys.Has("max_position_embeddings") || hiddenSize == Baichuan7BHiddenSize;
        var position = _keys.Text("position_embedding") ?? (isRope ? Rope : Alibi);
        if (position is not (Rope or Alibi))
        {
            _keys.Report("position_embedding", "these positions are not supported", $"{Rope} or {Alibi}", FileErrors.Quote(position));
        }

        return position == Alibi;
    }

    private double RopeTheta()
    {
        var owner = _ropeParameters is { } rope && rope.Has("rope_theta") ? rope : _keys;
        return owner.Number("rope_theta", DefaultRopeTheta, 1, 1e15);
    }

    private int MaxPositions(DecoderFamily family) => _keys.Size(
        "max_position_embeddings",
        family.IsBaichuan ? _keys.Size("model_max_length", family.Positions, int.MaxValue) : family.Positions,
        int.MaxValue);

    private void CheckParts(DecoderConfig config)
    {
        var headsAreRead = _problems.TrueForAll(
            problem => !s_headKeys.Any(key => problem.Where.EndsWith($", {key}", StringComparison.Ordinal)));
        if (headsAreRead)
        {
            CheckHeads(config);
        }

        if (config.UsesAlibi && config.RopeScaling is not null)
        {
            _keys.Report("rope_scaling", "a model with ALiBi rotates nothing", "null", config.RopeScaling.Type);
        }

        if (config.HasNormHead && config.TieWordEmbeddings)
        {
            _keys.Report("tie_word_embeddings", "a normalised head is not tied", "false", "true");
        }
    }

    private void CheckHeads(DecoderConfig config)
    {
        if (config.HeadCount % config.KeyValueHeadCount != 0)
        {
            _keys.Report(
                "num_key_value_heads",
                "does not divide num_attention_heads",
                $"a divisor of {config.HeadCount}",
                $"{config.KeyValueHeadCount}");
        }

        if (!_keys.Has("head_dim") && config.HiddenSize % config.HeadCount != 0)
        {
            _keys.Report(
                "num_attention_heads", "does not divide hidden_size", $"a divisor of {config.HiddenSize}", $"{config.HeadCount}");
        }
        else if (config.HeadDim % 2 != 0 && !config.UsesAlibi)
        {
            _keys.Report("head_dim", "rotary positions need an even width", "an even number", $"{config.HeadDim}");
        }
    }
}
