using System.Text.Json;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Peft;

/// <summary>Reads <see cref="LoraConfig"/> from PEFT's <c>adapter_config.json</c> of any version.</summary>
internal sealed class LoraConfigReader
{
    private const int MaxFileBytes = 16 * 1024 * 1024;
    private const int MaxRank = 1 << 16;
    private const int MaxLayer = 1 << 16;
    private const double MaxAlpha = 1e9;
    private const string ExcludeKey = "exclude_modules";

    // They say how an adapter was made or where it runs, not what it computes.
    private static readonly string[] s_withoutEffect =
    [
        "auto_mapping", "peft_version", "inference_mode", "megatron_core", "qalora_group_size", "loftq_config", "eva_config",
        "runtime_config",
    ];

    // Each would change what the adapter computes; null, false or empty means that it is not used.
    private static readonly string[] s_notSupported =
    [
        "fan_in_fan_out", "lora_bias", "layer_replication", "target_parameters", "trainable_token_indices", "megatron_config",
        "alora_invocation_tokens", "use_qalora", "use_bdlora", "arrow_config", "corda_config", "kasa_config", "lora_ga_config",
        "monteclora_config", "velora_config", "ensure_weight_tying",
    ];

    private static readonly HashSet<string> s_read = new(
        [
            "peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
            "modules_to_save", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora", "task_type", "base_model_name_or_path",
            "revision", "bias", "init_lora_weights", .. s_withoutEffect, .. s_notSupported,
        ],
        StringComparer.Ordinal);

    private readonly JsonElement _root;
    private readonly JsonKeys _keys;
    private readonly List<Problem> _problems = [];

    private LoraConfigReader(JsonElement root, string file)
    {
        _root = root;
        _keys = new JsonKeys(root, file, _problems);
    }

    /// <summary>Reads a file.</summary>
    public static LoraConfig Read(string path)
    {
        var reader = new LoraConfigReader(JsonFile.ReadObject(path, MaxFileBytes), path);
        var config = reader.Parse();
        return config is not null && reader._problems.Count == 0 ? config : throw new CheckpointException(reader._problems);
    }

    private LoraConfig? Parse()
    {
        var type = _keys.Text("peft_type");
        if (type != "LORA")
        {
            _keys.Report("peft_type", "this kind of adapter is not supported", "LORA", FileErrors.Quote(type ?? "nothing"));
            return null;
        }

        RefuseNotSupported();
        var targets = Selector("target_modules");
        if (targets is null && !_keys.Has("target_modules"))
        {
            _keys.Report("target_modules", "the key is missing", "a list of modules, a regular expression or \"all-linear\"", null);
        }

        return new LoraConfig
        {
            Rank = _keys.Size("r", LoraConfig.DefaultRank, MaxRank),
            Alpha = _keys.Number("lora_alpha", LoraConfig.DefaultRank, -MaxAlpha, MaxAlpha),
            Dropout = _keys.Number("lora_dropout", 0, 0, Math.BitDecrement(1.0)),
            TargetModules = targets ?? ModuleSelector.AllLinear,
            ExcludeModules = Selector(ExcludeKey),
            Layers = Layers(targets),
            ModulesToSave = _keys.Texts("modules_to_save") ?? [],
            RankPattern = Patterns("rank_pattern", isRank: true),
            AlphaPattern = Patterns("alpha_pattern", isRank: false),
            UseRsLora = _keys.Flag("use_rslora", false),
            UseDora = _keys.Flag("use_dora", false),
            TaskType = _keys.Text("task_type"),
            BaseModel = _keys.Text("base_model_name_or_path"),
            Revision = _keys.Text("revision"),
            Warnings = [.. _root.EnumerateObject().Where(item => !s_read.Contains(item.Name))
                .Select(item => $"{LoraConfig.FileName}: the key {FileErrors.Quote(item.Name)} is not known and was passed over")],
        };
    }

    private void RefuseNotSupported()
    {
        foreach (var key in s_notSupported)
        {
            if (_keys.TryFind(key, out var value) && !SaysNothing(value))
            {
                _keys.Report(key, "not supported", "null or false", JsonKeys.Show(value));
            }
        }

        var bias = _keys.Text("bias") ?? "none";
        if (bias != "none")
        {
            _keys.Report("bias", "trained biases are not supported", "none", FileErrors.Quote(bias));
        }

        // The other initialisations change the base weights too, so that the adapter alone is not the model.
        if (_keys.TryFind("init_lora_weights", out var init)
            && init.ValueKind is not (JsonValueKind.True or JsonValueKind.False)
            && !(init.ValueKind == JsonValueKind.String && init.GetString() is "gaussian" or "orthogonal" or "eva"))
        {
            _keys.Report("init_lora_weights", "not supported", "true, false, \"gaussian\", \"orthogonal\" or \"eva\"", JsonKeys.Show(init));
        }
    }

    private static bool SaysNothing(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => value.GetPropertyCount() == 0,
        _ => false,
    };

    private ModuleSelector? Selector(string key)
    {
        if (!_keys.TryFind(key, out var value) || (key == ExcludeKey && SaysNothing(value)))
        {
            return null;
        }

        return Guard(key, () =>
        {
            if (value.ValueKind != JsonValueKind.String)
            {
                return _keys.Texts(key) is { } names ? ModuleSelector.Named(names) : null;
            }

            var text = value.GetString()!;
            return string.Equals(text, ModuleSelector.AllLinearWord, StringComparison.OrdinalIgnoreCase)
                ? ModuleSelector.AllLinear
                : ModuleSelector.Matching(text);
        });
    }

    private LayerFilter? Layers(ModuleSelector? targets)
    {
        const string LayersKey = "layers_to_transform";
        const string PatternKey = "layers_pattern";
        var patterns = _keys.TryFind(PatternKey, out var value) && value.ValueKind == JsonValueKind.String
            ? [value.GetString()!]
            : _keys.Texts(PatternKey) ?? [];
        if (!_keys.TryFind(LayersKey, out var layers) || SaysNothing(layers))
        {
            if (patterns.Length > 0)
            {
                _keys.Report(PatternKey, $"it means nothing without {LayersKey}", null, null);
            }

            return null;
        }

        if (targets is { Names.Count: 0 })
        {
            _keys.Report(LayersKey, "it needs a list of target_modules", null, null);
        }

        IEnumerable<JsonElement> items = layers.ValueKind == JsonValueKind.Array ? layers.EnumerateArray() : [layers];
        var numbers = new List<int>();
        foreach (var item in items)
        {
            if (item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var number) && number is >= 0 and <= MaxLayer)
            {
                numbers.Add(number);
            }
            else
            {
                _keys.Report(LayersKey, "not a layer number", $"a whole number from 0 to {MaxLayer}", JsonKeys.Show(item));
            }
        }

        return Guard(PatternKey, () => new LayerFilter(numbers, patterns));
    }

    private PatternMap Patterns(string key, bool isRank)
    {
        if (!_keys.TryFind(key, out var value))
        {
            return PatternMap.Empty;
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            _keys.Report(key, "not an object", "{\"q_proj\": 8, ...}", JsonKeys.Show(value));
            return PatternMap.Empty;
        }

        var rules = new List<KeyValuePair<string, double>>();
        foreach (var item in value.EnumerateObject())
        {
            if (item.Value.ValueKind == JsonValueKind.Number && item.Value.TryGetDouble(out var number) && IsUsable(number, isRank))
            {
                rules.Add(KeyValuePair.Create(item.Name, number));
            }
            else
            {
                var expected = isRank ? $"a whole number from 1 to {MaxRank}" : "a number";
                _keys.Report($"{key}, {FileErrors.Quote(item.Name)}", "not usable", expected, JsonKeys.Show(item.Value));
            }
        }

        return Guard(key, () => new PatternMap(rules)) ?? PatternMap.Empty;
    }

    private static bool IsUsable(double number, bool isRank) =>
        isRank ? double.IsInteger(number) && number is >= 1 and <= MaxRank : Math.Abs(number) <= MaxAlpha;

    // What is wrong with a value made in code is an OptionsException; here the value comes from a file, which must be named.
    private T? Guard<T>(string key, Func<T?> make)
        where T : class
    {
        try
        {
            return make();
        }
        catch (OptionsException error)
        {
            foreach (var problem in error.Problems)
            {
                _keys.Report(key, $"{problem.What} ({problem.Where})", problem.Expected, problem.Found);
            }

            return null;
        }
    }
}
