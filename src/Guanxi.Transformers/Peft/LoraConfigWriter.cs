using System.Text.Json.Nodes;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Peft;

/// <summary>Writes <see cref="LoraConfig"/> as PEFT's <c>adapter_config.json</c>.</summary>
internal static class LoraConfigWriter
{
    // Beyond this a double no longer holds every integer.
    private const double LargestWhole = 1L << 53;

    /// <summary>Writes the file.</summary>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public static void Write(LoraConfig config, string path) => AtomicFile.WriteText(path, PythonJson.Write(Keys(config)));

    /// <summary>A number as Python would hold it: whole ones as integers.</summary>
    public static JsonNode Number(double value) =>
        double.IsInteger(value) && Math.Abs(value) <= LargestWhole ? JsonValue.Create((long)value) : PythonJson.Float(value);

    private static Dictionary<string, JsonNode?> Keys(LoraConfig config)
    {
        // The keys of early 2023, which every version since knows.
        var keys = new Dictionary<string, JsonNode?>
        {
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = config.BaseModel,
            ["bias"] = "none",
            ["fan_in_fan_out"] = false,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["layers_pattern"] = config.Layers is { Patterns.Count: > 0 } named ? PythonJson.Strings(named.Patterns) : null,
            ["layers_to_transform"] =
                config.Layers is { } filter ? new JsonArray([.. filter.Layers.Select(layer => JsonValue.Create(layer))]) : null,
            ["lora_alpha"] = Number(config.Alpha),
            ["lora_dropout"] = PythonJson.Float(config.Dropout),
            ["modules_to_save"] = config.ModulesToSave.Count == 0 ? null : PythonJson.Strings(config.ModulesToSave),
            ["peft_type"] = "LORA",
            ["r"] = config.Rank,
            ["revision"] = config.Revision,
            ["target_modules"] = config.TargetModules.ToJson(),
            ["task_type"] = config.TaskType,
        };

        // Later keys only where they say something: an older version refuses a key that it does not know.
        AddIf(config.RankPattern.Rules.Count > 0, "rank_pattern", config.RankPattern.ToJson());
        AddIf(config.AlphaPattern.Rules.Count > 0, "alpha_pattern", config.AlphaPattern.ToJson());
        AddIf(config.UseRsLora, "use_rslora", true);
        AddIf(config.UseDora, "use_dora", true);
        AddIf(config.ExcludeModules is not null, "exclude_modules", config.ExcludeModules?.ToJson());
        return keys;

        void AddIf(bool says, string key, JsonNode? value)
        {
            if (says)
            {
                keys.Add(key, value);
            }
        }
    }
}
