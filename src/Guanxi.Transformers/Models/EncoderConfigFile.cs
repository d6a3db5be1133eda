using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Models;

/// <summary>Reads and writes <see cref="EncoderConfig"/> as Hugging Face's configuration of a BERT.</summary>
internal sealed class EncoderConfigFile
{
    private const string SingleLabel = "single_label_classification";

    // What transformers' BertConfig takes for a key that a file leaves out.
    private const int DefaultPositions = 512;
    private const int DefaultTokenTypes = 2;
    private const int DefaultLabels = 2;
    private const double DefaultEpsilon = 1e-12;
    private const double DefaultDropout = 0.1;
    private const double DefaultInitializerRange = 0.02;
    private const double MostDropout = 0.999;
    private const int MostLabels = 1 << 16;

    private static readonly (string Architecture, EncoderHead Head)[] s_architectures =
    [
        ("BertModel", EncoderHead.None),
        ("BertForSequenceClassification", EncoderHead.Classification),
        ("BertForMaskedLM", EncoderHead.MaskedLanguage),
        ("BertForPreTraining", EncoderHead.MaskedLanguage),

        // The class of the widespread PyTorch implementation, whose tensors have the same names.
        ("RBERT", EncoderHead.EntityPair),
    ];

    private readonly JsonKeys _keys;
    private readonly string _file;
    private readonly List<Problem> _problems = [];

    private EncoderConfigFile(JsonElement root, string file)
    {
        _file = file;
        _keys = new JsonKeys(root, file, _problems);
    }

    /// <summary>Reads a file.</summary>
    public static EncoderConfig Read(string path)
    {
        var file = new EncoderConfigFile(JsonFile.ReadObject(path, ConfigKeys.MaxFileBytes), path);
        var config = file.Parse();
        return config is not null && file._problems.Count == 0 ? config : throw new CheckpointException(file._problems);
    }

    /// <summary>The class of transformers with a head.</summary>
    public static string NameOf(EncoderHead head) => s_architectures.First(item => item.Head == head).Architecture;

    /// <summary>Whether a head tells classes apart.</summary>
    public static bool HasClasses(EncoderHead head) => head is EncoderHead.Classification or EncoderHead.EntityPair;

    /// <summary>Writes a file.</summary>
    public static void Write(EncoderConfig config, string path)
    {
        var json = new Dictionary<string, JsonNode?>
        {
            ["architectures"] = new JsonArray(NameOf(config.Head)),
            ["attention_probs_dropout_prob"] = PythonJson.Float(config.AttentionDropout),
            ["classifier_dropout"] = PythonJson.Float(config.ClassifierDropout),
            ["hidden_act"] = "gelu",
            ["hidden_dropout_prob"] = PythonJson.Float(config.HiddenDropout),
            ["hidden_size"] = config.HiddenSize,
            ["initializer_range"] = PythonJson.Float(config.InitializerRange),
            ["intermediate_size"] = config.IntermediateSize,
            ["layer_norm_eps"] = PythonJson.Float(config.LayerNormEpsilon),
            ["max_position_embeddings"] = config.MaxPositions,
            ["model_type"] = EncoderConfig.ModelType,
            ["num_attention_heads"] = config.HeadCount,
            ["num_hidden_layers"] = config.LayerCount,
            ["pad_token_id"] = config.PadId,
            ["position_embedding_type"] = "absolute",
            ["type_vocab_size"] = config.TokenTypeCount,
            ["use_cache"] = true,
            ["vocab_size"] = config.VocabularySize,
        };
        if (HasClasses(config.Head))
        {
            json["id2label"] = new JsonObject(config.Labels.Index().Select(
                item => KeyValuePair.Create(item.Index.ToString(CultureInfo.InvariantCulture), (JsonNode?)item.Item)));
            json["label2id"] = new JsonObject(config.Labels.Index().Select(item => KeyValuePair.Create(item.Item, (JsonNode?)item.Index)));
            json["problem_type"] = SingleLabel;
        }

        if (config.StorageType is { } type)
        {
            json["torch_dtype"] = DTypeNames.PythonOf(type);
        }

        AtomicFile.WriteText(path, PythonJson.Write(json) + "\n");
    }

    private EncoderConfig? Parse()
    {
        var head = Head();
        RefuseOthers();
        var storage = ConfigKeys.StorageType(_keys);
        if (head is null)
        {
            return null;
        }

        var vocabularySize = _keys.Size("vocab_size", ConfigKeys.MostRows);
        var hiddenDropout = Dropout("hidden_dropout_prob", DefaultDropout);
        var config = new EncoderConfig
        {
            VocabularySize = vocabularySize,
            HiddenSize = _keys.Size("hidden_size", ConfigKeys.MostWidth),
            IntermediateSize = _keys.Size("intermediate_size", ConfigKeys.MostRows),
            LayerCount = _keys.Size("num_hidden_layers", ConfigKeys.MostLayers),
            HeadCount = _keys.Size("num_attention_heads", ConfigKeys.MostHeads),
            MaxPositions = _keys.Size("max_position_embeddings", DefaultPositions, ConfigKeys.MostRows),
            TokenTypeCount = _keys.Size("type_vocab_size", DefaultTokenTypes, ConfigKeys.MostRows),
            LayerNormEpsilon = _keys.Number("layer_norm_eps", DefaultEpsilon, 0, 1),
            HiddenDropout = hiddenDropout,
            AttentionDropout = Dropout("attention_probs_dropout_prob", DefaultDropout),
            ClassifierDropout = Dropout("classifier_dropout", hiddenDropout),
            PadId = _keys.TokenId("pad_token_id", 0, vocabularySize),
            InitializerRange = _keys.Number("initializer_range", DefaultInitializerRange, 0, 100),
            Head = head.Value,
            Labels = HasClasses(head.Value) ? Labels() : [],
            StorageType = storage,
        };
        if (config.HiddenSize % config.HeadCount != 0)
        {
            _keys.Report("num_attention_heads", "does not divide hidden_size", $"a divisor of {config.HiddenSize}", $"{config.HeadCount}");
        }

        return config;
    }

    private double Dropout(string key, double fallback) => _keys.Number(key, fallback, 0, MostDropout);

    private EncoderHead? Head()
    {
        var named = ConfigKeys.Architecture(_keys);
        var modelType = _keys.Text("model_type");
        var found = s_architectures.FirstOrDefault(item => item.Architecture == (named ?? s_architectures[0].Architecture));
        if (modelType == EncoderConfig.ModelType && found.Architecture is not null)
        {
            return found.Head;
        }

        if (_problems.Count == 0)
        {
            _problems.Add(new Problem(
                $"{_file}, model_type and architectures",
                "this kind of encoder is not supported",
                $"{EncoderConfig.ModelType} with {string.Join(", ", s_architectures.Select(item => item.Architecture))}",
                $"{FileErrors.Quote(modelType ?? "nothing")} with {FileErrors.Quote(named ?? "nothing")}"));
        }

        return null;
    }

    private void RefuseOthers()
    {
        ConfigKeys.RequireActivation(_keys, "gelu");
        Require("position_embedding_type", "absolute");
        Require("problem_type", SingleLabel);
        foreach (var key in (string[])["is_decoder", "add_cross_attention"])
        {
            if (_keys.Flag(key, false))
            {
                _keys.Report(key, "an encoder that decodes is not supported", "false", "true");
            }
        }

        if (!_keys.Flag("tie_word_embeddings", true))
        {
            _keys.Report("tie_word_embeddings", "scores of tokens come from the embedding", "true", "false");
        }

        if (_keys.Nested("quantization_config") is { } quantization)
        {
            quantization.Report(
                "quant_method", "quantised encoders are not read", "no quantization_config",
                FileErrors.Quote(quantization.Text("quant_method") ?? "nothing"));
        }

        void Require(string key, string value)
        {
            if (_keys.Text(key) is { } found && found != value)
            {
                _keys.Report(key, "not supported", value, FileErrors.Quote(found));
            }
        }
    }

    // transformers counts two classes where a file says nothing, and names them so.
    private string[] Labels()
    {
        if (!_keys.TryFind("id2label", out var names))
        {
            return [.. Enumerable.Range(0, _keys.Size("num_labels", DefaultLabels, MostLabels)).Select(id => $"LABEL_{id}")];
        }

        var labels = new SortedDictionary<int, string>();
        if (names.ValueKind == JsonValueKind.Object)
        {
            foreach (var item in names.EnumerateObject())
            {
                var isId = int.TryParse(item.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id);
                labels[isId ? id : -1] = item.Value.ValueKind == JsonValueKind.String ? item.Value.GetString()! : string.Empty;
            }

            var differ = labels.Values.Where(label => label.Length > 0).Distinct(StringComparer.Ordinal).Count();
            if (labels.Count > 0 && differ == names.EnumerateObject().Count() && labels.Keys.SequenceEqual(Enumerable.Range(0, labels.Count)))
            {
                return [.. labels.Values];
            }
        }

        _keys.Report("id2label", "not a list of classes", "{\"0\": \"...\", \"1\": \"...\", ...}, all different", JsonKeys.Show(names));
        return [];
    }
}
