using System.Text.Json.Nodes;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Models;

/// <summary>Writes <see cref="DecoderConfig"/> as Hugging Face's <c>config.json</c>.</summary>
internal static class DecoderConfigWriter
{
    /// <summary>Writes the file.</summary>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public static void Write(DecoderConfig config, string path) =>
        AtomicFile.WriteText(path, PythonJson.Write(Keys(config)) + "\n");

    private static Dictionary<string, JsonNode?> Keys(DecoderConfig config)
    {
        // rope_theta, rope_scaling and torch_dtype are the spelling that versions 4 and 5 of transformers both read.
        var json = new Dictionary<string, JsonNode?>
        {
            ["architectures"] = new JsonArray(config.Architecture),
            ["bos_token_id"] = config.BosId,
            ["eos_token_id"] = EosIds(config.EosIds),
            ["hidden_act"] = "silu",
            ["hidden_size"] = config.HiddenSize,
            ["initializer_range"] = PythonJson.Float(config.InitializerRange),
            ["intermediate_size"] = config.IntermediateSize,
            ["max_position_embeddings"] = config.MaxPositions,
            ["model_type"] = config.ModelType,
            ["num_attention_heads"] = config.HeadCount,
            ["num_hidden_layers"] = config.LayerCount,
            ["pad_token_id"] = config.PadId,
            ["rms_norm_eps"] = PythonJson.Float(config.RmsNormEpsilon),
            ["rope_theta"] = PythonJson.Float(config.RopeTheta),
            ["tie_word_embeddings"] = config.TieWordEmbeddings,
            ["use_cache"] = true,
            ["vocab_size"] = config.VocabularySize,
        };
        AddFamilyKeys(json, config);
        if (config.StorageType is { } type)
        {
            json["torch_dtype"] = DTypeNames.PythonOf(type);
        }

        if (config.AuthorClasses is { } classes)
        {
            json["auto_map"] = JsonNode.Parse(classes);
        }

        if (config.Quantization is { } quantization)
        {
            json["quantization_config"] = quantization.ToJson();
        }

        return json;
    }

    private static void AddFamilyKeys(Dictionary<string, JsonNode?> json, DecoderConfig config)
    {
        if (config.FusedQueryKeyValue)
        {
            // A small vocabulary or width cannot show which Baichuan it is, so the file says it.
            json["norm_head"] = config.HasNormHead;
            json["position_embedding"] = config.UsesAlibi ? "alibi" : "rope";
            if (config.UsesAlibi)
            {
                // Where the first name stands, readers take the model for one that rotates.
                json.Remove("max_position_embeddings");
                json["model_max_length"] = config.MaxPositions;
            }

            return;
        }

        json["attention_dropout"] = PythonJson.Float(0);
        json["head_dim"] = config.HeadDim;
        json["num_key_value_heads"] = config.KeyValueHeadCount;
        json["rope_scaling"] = config.RopeScaling?.ToJson();
        switch (config.ModelType)
        {
            case "llama":
                json["attention_bias"] = false;
                json["mlp_bias"] = false;
                break;
            case "mistral":
                json["sliding_window"] = config.SlidingWindow == 0 ? null : config.SlidingWindow;
                break;
            default:
                json["max_window_layers"] = config.SlidingWindow == 0 ? config.LayerCount : config.FirstWindowLayer;
                json["sliding_window"] = config.SlidingWindow == 0 ? null : config.SlidingWindow;
                json["use_sliding_window"] = config.SlidingWindow > 0;
                break;
        }

        if (config.HasQueryKeyNorm)
        {
            json["attention_bias"] = false;
        }
    }

    private static JsonNode? EosIds(IReadOnlyList<int> ids) => ids.Count switch
    {
        0 => null,
        1 => ids[0],
        _ => new JsonArray([.. ids.Select(id => JsonValue.Create(id))]),
    };
}
