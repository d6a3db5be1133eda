using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Checkpoints.Gguf;

/// <summary>The configuration in the keys of a GGUF file, and Hugging Face's <c>config.json</c> that says the same.</summary>
internal static class GgufConfig
{
    // Of Baichuan's sizes llama.cpp tells the one with ALiBi by its layers; our own files say it by the largest bias.
    private const int Baichuan13BLayers = 40;
    private const string LargestBiasKey = "attention.max_alibi_bias";
    private const double LargestBias = 8;

    private const string WindowKey = "attention.sliding_window";
    private const string ScalingTypeKey = "rope.scaling.type";
    private const string ScalingFactorKey = "rope.scaling.factor";
    private const string BosKey = "tokenizer.ggml.bos_token_id";
    private const string PadKey = "tokenizer.ggml.padding_token_id";

    // llama.cpp ends a sequence at the ends of text, of turn and of message alike.
    private static readonly string[] s_ends = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"];

    /// <summary>Reads the keys of a file as Hugging Face would write them.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The root object of a <c>config.json</c>.</returns>
    /// <exception cref="CheckpointException">
    /// The file is damaged, of a family that is not known, or keys are missing; all problems are listed.
    /// </exception>
    public static JsonElement Read(string path)
    {
        using var file = GgufFile.Open(path);
        var family = GgufFamily.Find(file.Architecture) ?? throw new CheckpointException(new Problem(
            $"{path}, general.architecture", "this family of models is not supported", GgufFamily.Known,
            FileErrors.Quote(file.Architecture ?? "nothing")));
        var problems = new List<Problem>();
        var json = Keys(file, family, new Section(file.Metadata, family.Name, problems), problems);
        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }

        using var document = JsonDocument.Parse(json.ToJsonString());
        return document.RootElement.Clone();
    }

    /// <summary>What of a configuration the format has no key for: a file without it would be another model.</summary>
    public static IEnumerable<Problem> Unwritable(DecoderConfig config, GgufFamily family)
    {
        static Problem None(string what, string expected, string found) =>
            new("model", $"the format has no key for {what}", expected, found);
        if (config.RopeScaling is { } scaling && scaling.Type != RopeScaling.Linear && GgufRopeFactors.Of(config) is null)
        {
            yield return None("this scaling of rotary positions", "linear, or that of LLaMA 3 with its own numbers", scaling.Type);
        }

        if (config.SlidingWindow > 0 && (!HasWindow(family) || config.FirstWindowLayer > 0))
        {
            yield return None(
                "this window", "none, or in qwen2 and qwen3 one of all layers",
                $"{config.SlidingWindow} tokens from layer {config.FirstWindowLayer}");
        }

        if (config.EosIds.Count > s_ends.Length)
        {
            yield return None("so many ids that end a sequence", $"at most {s_ends.Length}", $"{config.EosIds.Count}");
        }
    }

    /// <summary>The keys that say what a configuration says.</summary>
    public static IEnumerable<KeyValuePair<string, object>> KeysOf(DecoderConfig config, GgufFamily family)
    {
        KeyValuePair<string, object> Key(string name, object value) => KeyValuePair.Create($"{family.Name}.{name}", value);
        yield return KeyValuePair.Create("general.architecture", (object)family.Name);
        yield return Key("vocab_size", (long)config.VocabularySize);
        yield return Key("context_length", (long)config.MaxPositions);
        yield return Key("embedding_length", (long)config.HiddenSize);
        yield return Key("block_count", (long)config.LayerCount);
        yield return Key("feed_forward_length", (long)config.IntermediateSize);
        yield return Key("attention.head_count", (long)config.HeadCount);
        yield return Key("attention.head_count_kv", (long)config.KeyValueHeadCount);
        yield return Key("attention.key_length", (long)config.HeadDim);
        yield return Key("attention.value_length", (long)config.HeadDim);
        yield return Key("attention.layer_norm_rms_epsilon", (float)config.RmsNormEpsilon);
        yield return Key("rope.dimension_count", (long)config.HeadDim);
        yield return Key("rope.freq_base", (float)config.RopeTheta);
        if (config.RopeScaling is { Type: RopeScaling.Linear } scaling)
        {
            yield return Key(ScalingTypeKey, scaling.Type);
            yield return Key(ScalingFactorKey, (float)scaling.Factor);
        }

        if (config.SlidingWindow > 0)
        {
            yield return Key(WindowKey, (long)config.SlidingWindow);
        }

        if (family.IsFused)
        {
            yield return Key(LargestBiasKey, (float)(config.UsesAlibi ? LargestBias : 0));
        }

        (string Key, int? Id)[] ids =
            [.. s_ends.Zip(config.EosIds, (key, id) => (key, (int?)id)), (BosKey, config.BosId), (PadKey, config.PadId)];
        foreach (var (key, id) in ids)
        {
            if (id is { } known)
            {
                yield return KeyValuePair.Create(key, (object)(long)known);
            }
        }
    }

    private static bool HasWindow(GgufFamily family) => DecoderFamily.All.Any(other => other.ModelType == family.Name && other.Window > 0);

    private static JsonObject Keys(GgufFile file, GgufFamily family, Section section, List<Problem> problems)
    {
        var (heads, hidden) = (section.Whole("attention.head_count"), section.Whole("embedding_length"));
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(family.ClassName),
            ["model_type"] = family.Name,
            ["vocab_size"] = VocabularySize(file, section),
            ["hidden_size"] = hidden,
            ["intermediate_size"] = section.Whole("feed_forward_length"),
            ["num_hidden_layers"] = section.Whole("block_count"),
            ["num_attention_heads"] = heads,
            ["max_position_embeddings"] = section.Whole("context_length"),
            ["rms_norm_eps"] = section.Single("attention.layer_norm_rms_epsilon"),
            ["rope_theta"] = section.Single("rope.freq_base", 10_000),
            ["hidden_act"] = "silu",
            ["tie_word_embeddings"] = !file.Entries.ContainsKey("lm_head.weight"),
            ["bos_token_id"] = file.Metadata.Whole(BosKey, problems),
            ["eos_token_id"] = new JsonArray(
                [.. s_ends.Select(key => file.Metadata.Whole(key, problems)).OfType<long>().Distinct().Select(id => JsonValue.Create(id))]),
            ["pad_token_id"] = file.Metadata.Whole(PadKey, problems),
        };
        AddRope(json, section, heads > 0 ? hidden / heads : 0);
        AddRopeFactors(json, file, problems);
        if (family.IsFused)
        {
            AddBaichuan(json, section);
        }
        else
        {
            json["num_key_value_heads"] = section.Whole("attention.head_count_kv", heads);
            json["head_dim"] = section.Whole("attention.key_length", heads > 0 ? hidden / heads : 0);
            json["attention_bias"] = family.Name == "llama" && file.Entries.ContainsKey("model.layers.0.self_attn.q_proj.bias");
            var window = section.WholeOrNull(WindowKey);
            json["sliding_window"] = window;
            json["use_sliding_window"] = window > 0;
            json["max_window_layers"] = 0;
        }

        return json;
    }

    private static void AddRope(JsonObject json, Section section, long headDim)
    {
        var type = section.Text(ScalingTypeKey);
        if (type is not (null or "none"))
        {
            json["rope_scaling"] = new JsonObject { ["type"] = type, ["factor"] = section.Single(ScalingFactorKey) };
        }

        var dim = section.Whole("attention.key_length", headDim);
        var rotated = section.Whole("rope.dimension_count", dim);
        if (rotated != dim && dim > 0)
        {
            json["partial_rotary_factor"] = (double)rotated / dim;
        }
    }

    private static void AddRopeFactors(JsonObject json, GgufFile file, List<Problem> problems)
    {
        if (!file.Tensors.ContainsKey(GgufRopeFactors.TensorName))
        {
            return;
        }

        var scaling = GgufRopeFactors.Scaling(file.ReadSingles(GgufRopeFactors.TensorName), (double)json["rope_theta"]!);
        if (scaling is null)
        {
            problems.Add(new Problem(
                $"{file.FilePath}, {GgufRopeFactors.TensorName}", "frequencies are scaled in a way that is not known", "that of LLaMA 3"));
        }

        json["rope_scaling"] = scaling;
    }

    // A head that was normalised when the file was made stays the same when it is normalised again.
    private static void AddBaichuan(JsonObject json, Section section)
    {
        json["norm_head"] = (long?)json["vocab_size"] == DecoderFamily.Baichuan2VocabularySize;
        var isAlibi = section.Single(LargestBiasKey, (long?)json["num_hidden_layers"] == Baichuan13BLayers ? LargestBias : 0) > 0;
        json["position_embedding"] = isAlibi ? "alibi" : "rope";
    }

    private static long VocabularySize(GgufFile file, Section section) =>
        file.Entries.TryGetValue("model.embed_tokens.weight", out var embedding) ? embedding.Shape[0] : section.Whole("vocab_size");

    /// <summary>The keys of one family; a single-precision value is spelled as the decimal it was made of.</summary>
    private sealed class Section(GgufMetadata metadata, string family, List<Problem> problems)
    {
        public string? Text(string key) => metadata.Text($"{family}.{key}", problems);

        public long? WholeOrNull(string key) => metadata.Whole($"{family}.{key}", problems);

        public long Whole(string key, long fallback) => WholeOrNull(key) ?? fallback;

        public long Whole(string key) => WholeOrNull(key) ?? Missing(key);

        public double Single(string key, double fallback)
        {
            if (metadata.Number($"{family}.{key}", problems) is not { } number)
            {
                return fallback;
            }

            if (float.IsFinite((float)number))
            {
                return double.Parse(((float)number).ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
            }

            problems.Add(new Problem($"{metadata.File}, {family}.{key}", "the value is no number", "a finite number", $"{number}"));
            return fallback;
        }

        public double Single(string key) => metadata.Number($"{family}.{key}", problems) is null ? Missing(key) : Single(key, 0);

        private long Missing(string key)
        {
            if (!problems.Exists(problem => problem.Where.EndsWith($", {family}.{key}", StringComparison.Ordinal)))
            {
                problems.Add(new Problem($"{metadata.File}, {family}.{key}", "the key is missing", "a number"));
            }

            return 0;
        }
    }
}
