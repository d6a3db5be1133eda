using System.Reflection;
using System.Text.Json;
using System.Xml.Linq;
using Guanxi.Relations.Training;

namespace Guanxi.Cli.Training;

/// <summary>A key of <c>train</c> as its help shows it.</summary>
/// <param name="Name">The key.</param>
/// <param name="Kind">What its value is.</param>
/// <param name="Summary">What it means.</param>
/// <param name="Default">Its default; null when base or method decide, or when there is none.</param>
/// <param name="Words">The values it can have, where these are few.</param>
internal sealed record TrainKey(string Name, string Kind, string Summary, string? Default, IReadOnlyList<string> Words);

/// <summary>The keys of <c>train</c>, in groups; kinds and defaults are those of <see cref="TrainArguments"/>, meanings those of its documentation.</summary>
internal static class TrainKeys
{
    private static readonly (string Group, string[] Keys)[] s_groups =
    [
        ("What and where", [
            "model_name_or_path", "train_file", "output_dir", "method", "train_mode", "task_type", "adapter_name_or_path", "eval_file", "group_split",
            "labels_file", "prompt_template"]),
        ("How long", [
            "num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps", "max_seq_length", "train_sampling_strategy", "seed"]),
        ("How fast to learn", [
            "learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "warmup_ratio", "max_grad_norm", "weight_decay",
            "label_smoothing_factor", "optim", "adam_beta1", "adam_beta2", "adam_epsilon", "loss_mean", "neftune_noise_alpha", "mlm_probability",
            "mlm_span", "name_mask_probability", "teacher_share", "linear_share", "adapt_epochs"]),
        ("Adapters", ["lora_rank", "lora_alpha", "lora_dropout", "lora_target_modules", "use_rslora", "use_dora", "modules_to_save", "loraplus_lr_ratio", "model_load_dtype"]),
        ("Computing", [
            "dtype", "bf16", "fp16", "device", "threads", "gradient_checkpointing", "shared_prefix", "supervised_only", "pad_rows", "feature_cache",
            "ddp_timeout", "rank_timeout"]),
        ("Saving, showing, going on", [
            "save_strategy", "save_steps", "save_total_limit", "resume_from_checkpoint", "eval_strategy", "eval_steps",
            "load_best_model_at_end", "metric_for_best_model", "greater_is_better", "early_stopping_patience", "logging_steps"]),
    ];

    private static readonly TrainArguments s_defaults = new();

    private static readonly Dictionary<string, PropertyInfo> s_properties =
        typeof(TrainArguments).GetProperties().Where(property => property.CanWrite).ToDictionary(property => KeyOf(property.Name));

    /// <summary>Whether a key takes several values.</summary>
    public static bool IsList(string key) => s_properties.TryGetValue(key, out var property) && property.PropertyType == typeof(IReadOnlyList<string>);

    /// <summary>All keys, in groups; a key that no group names comes under the last one.</summary>
    public static IEnumerable<(string Group, IReadOnlyList<TrainKey> Keys)> Groups()
    {
        var summaries = Summaries();
        var unusual = s_properties.Keys.Except(s_groups.SelectMany(group => group.Keys)).ToArray();
        foreach (var (name, keys) in unusual.Length == 0 ? s_groups : [.. s_groups, ("Others", unusual)])
        {
            yield return (name, [.. keys.Where(s_properties.ContainsKey).Select(key => Describe(key, summaries))]);
        }
    }

    private static TrainKey Describe(string key, Dictionary<string, string> summaries)
    {
        var property = s_properties[key];
        var value = property.GetValue(s_defaults);
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        var words = WordsOf(key, type);
        return new TrainKey(key, words.Count > 0 ? string.Join('|', words) : KindOf(type), summaries.GetValueOrDefault(property.Name, string.Empty), value switch
        {
            null => null,
            bool flag => flag ? "true" : "false",
            Enum item => KeyOf(item.ToString()),
            IFormattable number => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
            _ => value.ToString(),
        }, words);
    }

    private static IReadOnlyList<string> WordsOf(string key, Type type) => type.IsEnum ? [.. Enum.GetNames(type).Select(KeyOf)]
        : type == typeof(bool) ? ["true", "false"]
        : TrainArgumentsReader.WordsOf(key);

    private static string KindOf(Type type) => type == typeof(int) ? "N"
        : type == typeof(double) ? "X"
        : type == typeof(IReadOnlyList<string>) ? "NAME[,NAME...]"
        : type == typeof(JsonElement) ? "JSON"
        : "TEXT";

    /// <summary>The summaries of the properties, from the documentation beside the assembly; none where it was left away.</summary>
    private static Dictionary<string, string> Summaries()
    {
        var file = Path.ChangeExtension(typeof(TrainArguments).Assembly.Location, ".xml");
        if (!File.Exists(file))
        {
            return [];
        }

        var prefix = $"P:{typeof(TrainArguments).FullName}.";
        return XDocument.Load(file).Descendants("member")
            .Select(member => (Name: member.Attribute("name")?.Value ?? string.Empty, Summary: member.Element("summary")))
            .Where(member => member.Summary is not null && member.Name.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(member => member.Name[prefix.Length..], member => TextOf(member.Summary!));
    }

    private static string TextOf(XElement summary) => string.Concat(summary.Nodes().Select(node => node switch
    {
        XElement { Name.LocalName: "see" } reference => KeyOf(reference.Attribute("cref")?.Value.Split('.')[^1] ?? string.Empty),
        XElement element => element.Value,
        XText text => text.Value,
        _ => string.Empty,
    })).Trim();

    private static string KeyOf(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}
