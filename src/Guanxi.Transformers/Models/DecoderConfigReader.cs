using System.Text.Json;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Gguf;

namespace Guanxi.Transformers.Models;

/// <summary>Reads <see cref="DecoderConfig"/> from a Hugging Face configuration of either family and of any year.</summary>
internal sealed class DecoderConfigReader
{
    private const int MaxFileBytes = 16 * 1024 * 1024;

    // Far beyond every model there is; they keep all products of sizes inside a long.
    private const int MostRows = 1 << 24;
    private const int MostWidth = 1 << 20;
    private const int MostLayers = 10_000;
    private const int MostHeads = 1 << 14;

    // What transformers' LlamaConfig takes for a key that a file leaves out.
    private const double DefaultRopeTheta = 10_000;
    private const double DefaultEpsilon = 1e-6;
    private const double DefaultInitializerRange = 0.02;
    private const int DefaultLlamaPositions = 2048;
    private const int DefaultBaichuanPositions = 4096;
    private const int DefaultBosId = 1;
    private const int DefaultEosId = 2;
    private const int DefaultBaichuanPadId = 0;

    // Baichuan2's vocabulary and Baichuan-7B's width: all that published files have to tell the forms apart.
    private const int Baichuan2VocabularySize = 125_696;
    private const int Baichuan7BHiddenSize = 4096;

    private readonly JsonKeys _keys;
    private readonly List<Problem> _problems = [];
    private readonly string _file;

    private DecoderConfigReader(JsonElement root, string file)
    {
        _file = file;
        _keys = new JsonKeys(root, file, _problems);
    }

    /// <summary>Reads a file.</summary>
    public static DecoderConfig Read(string path)
    {
        var root = GgufFile.IsNamed(path) ? GgufConfig.Read(path) : JsonFile.ReadObject(path, MaxFileBytes);
        var reader = new DecoderConfigReader(root, path);
        var config = reader.Parse();
        return config is not null && reader._problems.Count == 0 ? config : throw new CheckpointException(reader._problems);
    }

    private DecoderConfig? Parse()
    {
        if (Family() is not var (modelType, architecture))
        {
            return null;
        }

        var isBaichuan = modelType == "baichuan";
        var vocabularySize = _keys.Size("vocab_size", MostRows);
        var hiddenSize = _keys.Size("hidden_size", MostWidth);
        var headCount = _keys.Size("num_attention_heads", MostHeads);
        RefuseCommon();
        if (isBaichuan)
        {
            RefuseOtherBaichuan(vocabularySize, hiddenSize);
        }

        var config = new DecoderConfig
        {
            Architecture = architecture,
            ModelType = modelType,
            VocabularySize = vocabularySize,
            HiddenSize = hiddenSize,
            IntermediateSize = _keys.Size("intermediate_size", MostRows),
            LayerCount = _keys.Size("num_hidden_layers", MostLayers),
            HeadCount = headCount,
            KeyValueHeadCount = isBaichuan ? headCount : _keys.Size("num_key_value_heads", headCount, MostHeads),
            HeadDim = isBaichuan ? hiddenSize / headCount : _keys.Size("head_dim", hiddenSize / headCount, MostWidth),
            RmsNormEpsilon = _keys.Number("rms_norm_eps", DefaultEpsilon, double.Epsilon, 1),
            RopeTheta = RopeTheta(),
            MaxPositions = MaxPositions(isBaichuan),
            TieWordEmbeddings = _keys.Flag("tie_word_embeddings", false),
            FusedQueryKeyValue = isBaichuan,
            BosId = _keys.TokenId("bos_token_id", DefaultBosId, vocabularySize),
            EosIds = _keys.TokenIds("eos_token_id", [DefaultEosId], vocabularySize),
            PadId = _keys.TokenId("pad_token_id", isBaichuan ? DefaultBaichuanPadId : null, vocabularySize),
            InitializerRange = _keys.Number("initializer_range", DefaultInitializerRange, 0, 100),
            StorageType = StorageType(),
            Quantization = QuantizationConfig.Parse(_keys),
        };
        CheckHeads(config);
        return config;
    }

    private (string ModelType, string Architecture)? Family()
    {
        var architecture = _keys.Texts("architectures") switch
        {
            null or [] => null,
            [var only] => only,
            var several => string.Join(", ", several),
        };
        var modelType = _keys.Text("model_type");
        (string, string)? family = (modelType, architecture) switch
        {
            ("llama", null or "LlamaForCausalLM") => ("llama", "LlamaForCausalLM"),
            ("baichuan", null) => ("baichuan", "BaiChuanForCausalLM"),
            ("baichuan", "BaiChuanForCausalLM" or "BaichuanForCausalLM") => ("baichuan", architecture),
            _ => null,
        };
        if (family is null && _problems.Count == 0)
        {
            _problems.Add(new Problem(
                $"{_file}, model_type and architectures",
                "this kind of model is not supported",
                "llama with LlamaForCausalLM, or baichuan with BaiChuanForCausalLM",
                $"{FileErrors.Quote(modelType ?? "nothing")} with {FileErrors.Quote(architecture ?? "nothing")}"));
        }

        return family;
    }

    private void RefuseCommon()
    {
        var activation = _keys.Text("hidden_act");
        if (activation is not (null or "silu" or "swish"))
        {
            _keys.Report("hidden_act", "this activation is not supported", "silu", FileErrors.Quote(activation));
        }

        foreach (var key in (string[])["attention_bias", "mlp_bias", "use_sliding_window"])
        {
            if (_keys.Flag(key, false))
            {
                _keys.Report(key, "not supported", "false", "true");
            }
        }

        if (_keys.Number("attention_dropout", 0, 0, 1) != 0)
        {
            _keys.Report("attention_dropout", "dropout on attention weights is not supported", "0", "more");
        }

        RefuseRopeScaling(_keys.Nested("rope_scaling"));
        RefuseRopeScaling(_keys.Nested("rope_parameters"));
        RefusePartialRotary(_keys);
    }

    private static void RefuseRopeScaling(JsonKeys? rope)
    {
        if (rope is null)
        {
            return;
        }

        // Files of 2023 say "type"; where both stand, transformers takes "rope_type".
        var key = rope.Has("rope_type") || !rope.Has("type") ? "rope_type" : "type";
        var type = rope.Text(key) ?? "default";
        if (type != "default")
        {
            rope.Report(key, "this scaling of rotary positions is not supported", "default", FileErrors.Quote(type));
        }

        RefusePartialRotary(rope);
    }

    private static void RefusePartialRotary(JsonKeys keys)
    {
        if (keys.Number("partial_rotary_factor", 1, 0, 1) != 1)
        {
            keys.Report("partial_rotary_factor", "rotating a part of each head is not supported", "1", "less");
        }
    }

    private void RefuseOtherBaichuan(int vocabularySize, int hiddenSize)
    {
        // z_loss_weight stands only in the files of Baichuan2.
        var guess = vocabularySize == Baichuan2VocabularySize || _keys.Mentions("z_loss_weight");
        if (_keys.Flag("norm_head", guess))
        {
            _keys.Report("norm_head", "Baichuan2's normalised head is not supported", "a Baichuan-7B model", "a Baichuan2 model");
        }

        var isRope = _keys.Has("max_position_embeddings") || hiddenSize == Baichuan7BHiddenSize;
        var position = _keys.Text("position_embedding") ?? (isRope ? "rope" : "alibi");
        if (position != "rope")
        {
            _keys.Report(
                "position_embedding", "these positions (ALiBi of the 13B models) are not supported", "rope", FileErrors.Quote(position));
        }
    }

    private double RopeTheta()
    {
        var owner = _keys.Nested("rope_parameters") is { } rope && rope.Has("rope_theta") ? rope : _keys;
        return owner.Number("rope_theta", DefaultRopeTheta, 1, 1e15);
    }

    private int MaxPositions(bool isBaichuan) => isBaichuan
        ? _keys.Size("max_position_embeddings", _keys.Size("model_max_length", DefaultBaichuanPositions, int.MaxValue), int.MaxValue)
        : _keys.Size("max_position_embeddings", DefaultLlamaPositions, int.MaxValue);

    private DType? StorageType()
    {
        var key = _keys.Has("dtype") ? "dtype" : "torch_dtype";
        switch (_keys.Text(key))
        {
            case null or "auto":
                return null;
            case "float32":
                return DType.Float32;
            case "float16":
                return DType.Float16;
            case "bfloat16":
                return DType.BFloat16;
            case var other:
                _keys.Report(key, "unknown element type", "float32, float16 or bfloat16", FileErrors.Quote(other));
                return null;
        }
    }

    private void CheckHeads(DecoderConfig config)
    {
        if (_problems.Count > 0)
        {
            return;
        }

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
        else if (config.HeadDim % 2 != 0)
        {
            _keys.Report("head_dim", "rotary positions need an even width", "an even number", $"{config.HeadDim}");
        }
    }
}
