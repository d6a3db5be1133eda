using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Guanxi.Transformers;
using Guanxi.Transformers.Hubs;

namespace Guanxi.Relations.Training;

/// <summary>Reads <see cref="TrainArguments"/> from an argument file and from keys on the command line; all problems are told at once.</summary>
public static class TrainArgumentsReader
{
    private const string MethodKey = "method";

    // Before transformers 5 a flag, since then a value of train_sampling_strategy.
    private const string OlderGrouping = "group_by_length";

    private static readonly Dictionary<string, PropertyInfo> s_keys =
        typeof(TrainArguments).GetProperties().Where(property => property.CanWrite).ToDictionary(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));

    /// <summary>Keys of other programs that change nothing here, with the reason that is logged.</summary>
    private static readonly Dictionary<string, string> s_ignored = new()
    {
        ["template_name"] = "the prompt and the answer are joined as a base model's rows are",
        ["max_prompt_length"] = "only max_seq_length limits a row",
        ["beta"] = "it belongs to DPO",
        ["tokenize_num_workers"] = "rows are encoded in one pass",
        ["dataloader_num_workers"] = "rows are in memory",
        ["disable_tqdm"] = "progress adapts to the terminal",
        ["report_to"] = "TensorBoard events are always written",
        ["remove_unused_columns"] = "rows hold only what is used",
        ["use_unsloth"] = "there is one engine",
        ["deepspeed"] = "there is one engine",
        ["logging_dir"] = "events go to runs/ in the output folder",
        ["overwrite_output_dir"] = "a run goes on only with resume_from_checkpoint",
        ["per_device_eval_batch_size"] = "evaluations take per_device_train_batch_size",
        ["logging_strategy"] = "every step is in train_log.jsonl",
        ["logging_first_step"] = "every step is in train_log.jsonl",
        ["ddp_find_unused_parameters"] = "gradients are exchanged by name",
    };

    /// <summary>Names that a key had in other versions.</summary>
    private static readonly Dictionary<string, string> s_olderNames = new() { ["evaluation_strategy"] = "eval_strategy" };

    /// <summary>Every key that is known.</summary>
    public static IReadOnlyCollection<string> Keys => s_keys.Keys;

    /// <summary>The values that a key can have.</summary>
    /// <param name="key">One of <see cref="Keys"/>.</param>
    /// <returns>The values; none for a key that takes any text, or a number.</returns>
    public static IReadOnlyList<string> WordsOf(string key) => TrainArgumentsCheck.Words.TryGetValue(key, out var words) ? [.. words] : [];

    /// <summary>Reads keys; those of the command line win over those of the file.</summary>
    /// <param name="file">A JSON object, or null.</param>
    /// <param name="given">Keys and values of the command line, in order.</param>
    /// <param name="notes">Told of keys that change nothing.</param>
    /// <returns>The arguments.</returns>
    /// <exception cref="OptionsException">Keys are unknown or have unfit values, or required ones are missing.</exception>
    public static TrainArguments Read(string? file, IReadOnlyList<KeyValuePair<string, string>> given, Action<string> notes) => Read(file, given, [], notes);

    /// <summary>As <see cref="Read(string?, IReadOnlyList{KeyValuePair{string, string}}, Action{string})"/>, for a caller that has read keys of its own.</summary>
    /// <param name="file">A JSON object, or null.</param>
    /// <param name="given">Keys and values of the command line, in order, without the caller's own.</param>
    /// <param name="own">The caller's own keys: an unknown key may be one of them, misspelt.</param>
    /// <param name="notes">Told of keys that change nothing.</param>
    /// <returns>The arguments.</returns>
    /// <exception cref="OptionsException">Keys are unknown or have unfit values, or required ones are missing.</exception>
    public static TrainArguments Read(string? file, IReadOnlyList<KeyValuePair<string, string>> given, IReadOnlyCollection<string> own, Action<string> notes)
    {
        ArgumentNullException.ThrowIfNull(given);
        ArgumentNullException.ThrowIfNull(own);
        ArgumentNullException.ThrowIfNull(notes);
        var problems = new List<Problem>();
        KeyValuePair<string, JsonElement>[] inFile = file is null ? []
            : [.. ConfigFile.Read(file, "an argument file", "a JSON object of keys").EnumerateObject().Select(item => KeyValuePair.Create(item.Name, item.Value))];
        var method = given.LastOrDefault(item => item.Key == MethodKey).Value
            ?? (inFile.LastOrDefault(item => item.Key == MethodKey) is { Key: not null } named ? named.Value.ToString() : Methods.Llm);
        var arguments = TrainingDefaults.Start(method);
        foreach (var (key, value) in inFile)
        {
            Set(arguments, key, value, $"{file}, {key}", [], problems, notes);
        }

        foreach (var (key, text) in given)
        {
            Set(arguments, key, JsonSerializer.SerializeToElement(text), $"--{key}", own, problems, notes);
        }

        arguments = Located(arguments, problems);
        TrainArgumentsCheck.Check(arguments, problems);
        return problems.Count == 0 ? arguments : throw new OptionsException(problems);
    }

    /// <summary>Sets keys on top of other arguments.</summary>
    /// <param name="below">The other arguments; stay as they are.</param>
    /// <param name="keys">A JSON object.</param>
    /// <param name="where">Its place, for messages.</param>
    /// <returns>The arguments; what stands under the name of a method is passed over.</returns>
    /// <exception cref="OptionsException">Keys are unknown or have unfit values.</exception>
    public static TrainArguments Overlay(TrainArguments below, JsonElement keys, string where)
    {
        ArgumentNullException.ThrowIfNull(below);
        var arguments = below with { };
        var problems = new List<Problem>();
        foreach (var item in keys.EnumerateObject().Where(item => !Methods.All.Contains(item.Name)))
        {
            Set(arguments, item.Name, item.Value, $"{where}, {item.Name}", [], problems, _ => { });
        }

        return problems.Count == 0 ? arguments : throw new OptionsException(problems);
    }

    /// <summary>Writes arguments as the argument file that gives them again.</summary>
    /// <param name="arguments">Arguments.</param>
    /// <returns>JSON with a line a key; keys without a value are left out.</returns>
    public static string Write(TrainArguments arguments)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            foreach (var (key, property) in s_keys)
            {
                if (property.GetValue(arguments) is { } value)
                {
                    writer.WritePropertyName(key);
                    JsonSerializer.Serialize(writer, value is Enum ? JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()!) : value);
                }
            }

            writer.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    /// <summary>Replaces names of repositories by their folders in a hub's cache.</summary>
    private static TrainArguments Located(TrainArguments arguments, List<Problem> problems)
    {
        return arguments with { ModelNameOrPath = Find(arguments.ModelNameOrPath), AdapterNameOrPath = Find(arguments.AdapterNameOrPath) };

        string? Find(string? path)
        {
            try
            {
                return path is null ? null : HubCache.OfProcess.Resolve(path);
            }
            catch (CheckpointException error)
            {
                problems.AddRange(error.Problems);
                return path;
            }
        }
    }

    private static void Set(
        TrainArguments arguments, string key, JsonElement value, string where, IReadOnlyCollection<string> otherKeys, List<Problem> problems, Action<string> notes)
    {
        // Files written from Hugging Face's arguments name every key, those that have no value too.
        if (value.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        if (key == OlderGrouping && bool.TryParse(value.ToString(), out var groups))
        {
            (key, value) = ("train_sampling_strategy", JsonSerializer.SerializeToElement(groups ? OlderGrouping : "random"));
        }

        if (s_ignored.TryGetValue(key, out var reason))
        {
            notes($"{key} changes nothing here: {reason}");
            return;
        }

        if (!s_keys.TryGetValue(s_olderNames.GetValueOrDefault(key, key), out var property))
        {
            var nearest = EditDistance.Nearest(key, s_keys.Keys.Concat(otherKeys));
            problems.Add(new Problem(where, $"unknown key '{key}'", Hint: nearest is null ? "guanxi train --help lists the keys." : $"Did you mean {nearest}?"));
            return;
        }

        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        if (Convert(type, value) is { } converted)
        {
            property.SetValue(arguments, converted);
        }
        else
        {
            problems.Add(new Problem(where, "the value does not fit", Expectation(type), value.ToString()));
        }
    }

    private static object? Convert(Type type, JsonElement value)
    {
        var text = value.ValueKind is JsonValueKind.Array or JsonValueKind.Object ? null : value.ToString();
        if (type == typeof(string))
        {
            return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? (value.GetBoolean() ? "true" : "false") : text;
        }

        if (type == typeof(IReadOnlyList<string>))
        {
            return value.ValueKind == JsonValueKind.Array
                ? value.EnumerateArray().Select(item => item.ToString()).ToArray()
                : text?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        }

        if (type == typeof(JsonElement))
        {
            return ObjectOf(value);
        }

        if (type.IsEnum)
        {
            return Enum.GetValues(type).Cast<object>().FirstOrDefault(item => JsonNamingPolicy.SnakeCaseLower.ConvertName(item.ToString()!) == text);
        }

        return type == typeof(bool) ? (bool.TryParse(text, out var flag) ? flag : null)
            : type == typeof(int) ? (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null)
            : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) && double.IsFinite(real) ? real
            : null;
    }

    /// <summary>An object, or the text of one as a command line has it; null for anything else.</summary>
    private static JsonElement? ObjectOf(JsonElement value)
    {
        try
        {
            var given = value.ValueKind == JsonValueKind.String ? JsonElement.Parse(value.GetString()!) : value;
            return given.ValueKind == JsonValueKind.Object ? given : null;
        }
        catch (JsonException)
        {
            // No JSON at all: told as any other value that does not fit.
            return null;
        }
    }

    private static string Expectation(Type type) => type.IsEnum
        ? string.Join(" | ", Enum.GetNames(type).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName))
        : type == typeof(bool) ? "true or false"
        : type == typeof(int) ? "a whole number"
        : type == typeof(double) ? "a number"
        : type == typeof(JsonElement) ? "a JSON object"
        : "text";
}
