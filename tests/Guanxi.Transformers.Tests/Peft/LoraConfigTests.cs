using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.TestKit;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Peft;

public sealed class LoraConfigTests
{
    private const string LayerOne = "model.layers.1.";
    private const string Weight = ".weight";

    public static TheoryData<string> Adapters =>
    [
        "lora_r8_all_linear", "rslora_r4", "modules_to_save_lm_head", "dora_r8", "old_style_bin", "rank_and_alpha_pattern",
        "baichuan_w_pack", "qlora_load_bf16_compute_bf16", "qlora_load_bf16_compute_fp32", "qlora_load_fp32_compute_fp32",
    ];

    [GoldenTheory("golden/peft")]
    [MemberData(nameof(Adapters))]
    public void Targets_and_ranks_are_those_of_the_saved_tensors(string adapter)
    {
        var folder = Golden.Locate($"peft/{adapter}");
        var config = LoraConfig.Read(Path.Combine(folder, "adapter"));
        var isBaichuan = adapter == "baichuan_w_pack";
        using var baseModel = CheckpointReader.Open(Golden.Locate(isBaichuan ? "peft/base_baichuan" : "peft/base"));
        var targeted = baseModel.Names.Where(IsLinear).Select(name => name[..^Weight.Length]).Where(config.Targets);

        var trained = RanksByModule(folder);
        Assert.Equal(trained.Keys.Order(StringComparer.Ordinal), targeted.Order(StringComparer.Ordinal));
        Assert.All(trained, item => Assert.Equal(item.Value ?? config.RankOf(item.Key), config.RankOf(item.Key)));
        Assert.Empty(config.Warnings);

        static bool IsLinear(string name) => name.EndsWith("_proj.weight", StringComparison.Ordinal)
            || name.EndsWith("W_pack.weight", StringComparison.Ordinal) || name == "lm_head.weight";
    }

    [GoldenFact("golden/peft/rank_and_alpha_pattern")]
    public void Patterns_give_ranks_and_scales_module_by_module()
    {
        var config = LoraConfig.Read(Golden.Locate("peft/rank_and_alpha_pattern/adapter"));

        Assert.Equal((4, 16 / 4.0), (config.RankOf(LayerOne + "self_attn.q_proj"), config.ScaleOf(LayerOne + "self_attn.q_proj")));
        Assert.Equal((3, 32 / 3.0), (config.RankOf(LayerOne + "self_attn.o_proj"), config.ScaleOf(LayerOne + "self_attn.o_proj")));
        Assert.Equal((2, 8.0), (config.RankOf(LayerOne + "mlp.down_proj"), config.ScaleOf(LayerOne + "mlp.down_proj")));
        Assert.Equal((8, 2.0), (config.RankOf("model.layers.0.mlp.down_proj"), config.ScaleOf("model.layers.0.mlp.down_proj")));
        Assert.Equal((8, 5 / 8.0), (config.RankOf("model.layers.0.mlp.gate_proj"), config.ScaleOf("model.layers.0.mlp.gate_proj")));
    }

    [GoldenTheory("golden/peft")]
    [InlineData("rslora_r4", 4.0)]
    [InlineData("old_style_bin", 4.0)]
    [InlineData("dora_r8", 2.0)]
    public void The_scale_is_alpha_over_r_or_its_root(string adapter, double scale)
    {
        var config = LoraConfig.Read(Golden.Locate($"peft/{adapter}/adapter/adapter_config.json"));
        Assert.Equal(scale, config.ScaleOf(LayerOne + "self_attn.q_proj"));
        Assert.Equal(adapter == "dora_r8", config.UseDora);
        Assert.Equal(("CAUSAL_LM", "base"), (config.TaskType, config.BaseModel));
    }

    [GoldenFact("golden/peft/old_style_bin")]
    public void A_config_of_2023_written_again_is_the_same_text()
    {
        var path = Golden.Locate("peft/old_style_bin/adapter/adapter_config.json");
        using var folder = new TemporaryFolder();
        LoraConfig.Read(path).Write(folder.FullPath);
        Assert.Equal(File.ReadAllText(path), File.ReadAllText(folder["adapter_config.json"]));
    }

    [GoldenTheory("golden/peft")]
    [MemberData(nameof(Adapters))]
    public void What_is_written_says_what_peft_said(string adapter)
    {
        var path = Golden.Locate($"peft/{adapter}/adapter/adapter_config.json");
        using var folder = new TemporaryFolder();
        LoraConfig.Read(path).Write(folder.FullPath);
        var original = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        var written = JsonNode.Parse(File.ReadAllText(folder["adapter_config.json"]))!.AsObject();

        Assert.Equal(written.Select(item => item.Key).Order(StringComparer.Ordinal), written.Select(item => item.Key));
        Assert.All(written, item => Assert.Equal(original[item.Key]?.ToJsonString(), item.Value?.ToJsonString()));
        var left = original.Where(item => !written.ContainsKey(item.Key) && Says(item.Value)).Select(item => item.Key);
        Assert.Equal(adapter == "old_style_bin" ? [] : ["megatron_core", "peft_version", "qalora_group_size"], left);
    }

    [Fact]
    public void Selectors_of_every_kind_survive_writing()
    {
        using var folder = new TemporaryFolder();
        var config = new LoraConfig
        {
            TargetModules = ModuleSelector.Matching(@".*\.(q|v)_proj<>+'""人"),
            ExcludeModules = ModuleSelector.Named(["lm_head"]),
            Alpha = 1e-7,
            Dropout = 0.05,
            RankPattern = new PatternMap([KeyValuePair.Create("b", 2.0), KeyValuePair.Create("a", 3.0)]),
            AlphaPattern = new PatternMap([KeyValuePair.Create("x", 2.5)]),
            UseRsLora = true,
        };
        config.Write(folder.FullPath);
        var again = LoraConfig.Read(folder.FullPath);

        Assert.Equal(config.TargetModules.Pattern, again.TargetModules.Pattern);
        Assert.Equal((1e-7, 0.05, true), (again.Alpha, again.Dropout, again.UseRsLora));
        Assert.Equal(["lm_head"], again.ExcludeModules!.Names);
        Assert.Equal(config.RankPattern.Rules, again.RankPattern.Rules);
        Assert.Equal(config.AlphaPattern.Rules, again.AlphaPattern.Rules);
        (config with { TargetModules = ModuleSelector.AllLinear }).Write(folder.FullPath);
        Assert.True(LoraConfig.Read(folder.FullPath).TargetModules.IsAllLinear);
    }

    [Theory]
    [InlineData("""["q_proj"]""", "model.layers.0.self_attn.q_proj", true)]
    [InlineData("""["q_proj"]""", "q_proj", true)]
    [InlineData("""["q_proj"]""", "model.layers.0.self_attn.big_q_proj", false)]
    [InlineData("""["self_attn.q_proj"]""", "model.layers.0.self_attn.q_proj", true)]
    [InlineData("""["model.layers.0.self_attn.q_proj"]""", "model.layers.0.self_attn.q_proj", true)]
    [InlineData("""["layers.0.self_attn.q_proj"]""", "model.layers.10.self_attn.q_proj", false)]
    [InlineData("""["q_.*"]""", "model.layers.0.self_attn.q_proj", false)]
    [InlineData("\".*\\\\.(q|v)_proj\"", "model.layers.0.self_attn.v_proj", true)]
    [InlineData("\"q_proj\"", "model.layers.0.self_attn.q_proj", false)]
    [InlineData("\".*q\"", "model.layers.0.self_attn.q_proj", false)]
    [InlineData("\"a|.*q_proj\"", "model.layers.0.self_attn.q_proj", true)]
    [InlineData("\"all-linear\"", "model.layers.0.mlp.up_proj", true)]
    [InlineData("\"All-Linear\"", "model.layers.0.mlp.up_proj", true)]
    [InlineData("\"all-linear\"", "lm_head", false)]
    [InlineData("\"all-linear\"", "classifier", false)]
    public void Modules_are_matched_as_peft_matches_them(string targets, string path, bool expected) =>
        Assert.Equal(expected, Parse($$"""{"peft_type": "LORA", "target_modules": {{targets}}}""").Targets(path));

    [Fact]
    public void Exclusions_layers_and_saved_modules_restrict_the_targets()
    {
        var config = Parse("""
            {"peft_type": "LORA", "target_modules": ["q_proj", "v_proj", "model.layers.7.mlp.up_proj", "lm_head"],
            "exclude_modules": "model\\.layers\\.2\\..*", "layers_to_transform": [1, 2], "layers_pattern": "layers",
            "modules_to_save": ["lm_head"]}
            """);

        string[] paths =
        [
            "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj", "model.layers.2.self_attn.q_proj",
            "model.layers.12.self_attn.q_proj", "model.blocks.1.self_attn.q_proj", "model.layers.7.mlp.up_proj", "lm_head",
        ];
        Assert.Equal(["model.layers.1.self_attn.q_proj", "model.layers.7.mlp.up_proj"], paths.Where(config.Targets));
        Assert.Equal(["lm_head"], paths.Where(config.Saves));
        var single = Parse("""{"peft_type": "LORA", "target_modules": ["q_proj"], "layers_to_transform": 1}""");
        Assert.Equal(["model.layers.1.self_attn.q_proj", "model.blocks.1.self_attn.q_proj"], paths.Where(single.Targets));
    }

    [Fact]
    public void Keys_left_out_take_pefts_defaults()
    {
        var config = Parse("""{"peft_type": "LORA", "target_modules": ["q_proj"], "modules_to_save": null, "exclude_modules": []}""");

        Assert.Equal((8, 8.0, 0.0, false, false), (config.Rank, config.Alpha, config.Dropout, config.UseRsLora, config.UseDora));
        Assert.Empty(config.ModulesToSave);
        Assert.Null(config.ExcludeModules);
        Assert.Equal(1, config.ScaleOf("q_proj"));
    }

    [Fact]
    public void Unknown_keys_are_warned_of_and_tolerated()
    {
        var config = Parse(Merge("""{"new_idea": {"x": 1}, "runtime_config": {"ephemeral_gpu_offload": false}}"""));
        Assert.Contains("'new_idea'", Assert.Single(config.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"bias": "all"}""", "bias")]
    [InlineData("""{"lora_bias": true}""", "lora_bias")]
    [InlineData("""{"fan_in_fan_out": true}""", "fan_in_fan_out")]
    [InlineData("""{"layer_replication": [[0, 4]]}""", "layer_replication")]
    [InlineData("""{"trainable_token_indices": [1]}""", "trainable_token_indices")]
    [InlineData("""{"target_parameters": ["x"]}""", "target_parameters")]
    [InlineData("""{"megatron_config": {"a": 1}}""", "megatron_config")]
    [InlineData("""{"alora_invocation_tokens": [1]}""", "alora_invocation_tokens")]
    [InlineData("""{"use_qalora": true}""", "use_qalora")]
    [InlineData("""{"init_lora_weights": "pissa"}""", "init_lora_weights")]
    [InlineData("""{"r": 0}""", "r")]
    [InlineData("""{"r": 8.5}""", "r")]
    [InlineData("""{"lora_alpha": "16"}""", "lora_alpha")]
    [InlineData("""{"lora_dropout": 1.0}""", "lora_dropout")]
    [InlineData("""{"target_modules": null}""", "target_modules")]
    [InlineData("""{"target_modules": []}""", "target_modules")]
    [InlineData("""{"target_modules": 5}""", "target_modules")]
    [InlineData("""{"target_modules": "(q_proj"}""", "target_modules")]
    [InlineData("""{"rank_pattern": {"q_proj": 0}}""", "rank_pattern, 'q_proj'")]
    [InlineData("""{"rank_pattern": {"q_proj": 1.5}}""", "rank_pattern, 'q_proj'")]
    [InlineData("""{"alpha_pattern": {"[": 1}}""", "alpha_pattern")]
    [InlineData("""{"alpha_pattern": [1]}""", "alpha_pattern")]
    [InlineData("""{"layers_to_transform": ["x"]}""", "layers_to_transform")]
    [InlineData("""{"layers_to_transform": [1], "target_modules": "q_proj"}""", "layers_to_transform")]
    [InlineData("""{"layers_pattern": ["layers"]}""", "layers_pattern")]
    [InlineData("""{"peft_type": "IA3"}""", "peft_type")]
    [InlineData("""{"peft_type": null}""", "peft_type")]
    public void What_is_not_supported_is_refused_by_name(string keys, string named)
    {
        var error = Assert.Throws<CheckpointException>(() => Parse(Merge(keys)));
        Assert.EndsWith("adapter_config.json, " + named, Assert.Single(error.Problems).Where, StringComparison.Ordinal);
    }

    [Fact]
    public void All_problems_are_told_at_once()
    {
        var json = Merge("""{"bias": "all", "r": 0, "target_modules": "(", "lora_bias": true}""");
        var error = Assert.Throws<CheckpointException>(() => Parse(json));
        Assert.Equal(4, error.Problems.Count);
    }

    [Theory]
    [InlineData("eva")]
    [InlineData("gaussian")]
    [InlineData("orthogonal")]
    public void Initialisations_that_leave_the_base_alone_are_read(string init) =>
        Assert.Equal(8, Parse(Merge($$"""{"init_lora_weights": "{{init}}"}""")).Rank);

    [Fact]
    public void A_regular_expression_that_runs_away_is_stopped()
    {
        var config = Parse("""{"peft_type": "LORA", "target_modules": "(a+)+b"}""");
        var error = Assert.Throws<OptionsException>(() => config.Targets(new string('a', 60)));
        Assert.Contains("takes too long", error.Message, StringComparison.Ordinal);
    }

    /// <summary>What PEFT trained: module paths with the rows of their A, which only the safetensors file tells.</summary>
    private static Dictionary<string, long?> RanksByModule(string folder)
    {
        const string Prefix = "base_model.model.";
        const string Suffix = ".lora_A.weight";
        var weights = Path.Combine(folder, "adapter", "adapter_model.safetensors");
        IEnumerable<(string Name, long? Rank)> tensors;
        if (File.Exists(weights))
        {
            using var file = SafetensorsFile.Open(weights);
            tensors = [.. file.Entries.Values.Select(entry => (entry.Name, (long?)entry.Shape.ElementAtOrDefault(0)))];
        }
        else
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "case.json")));
            tensors = [.. json.RootElement.GetProperty("trainable").EnumerateArray().Select(item => (item.GetString()!, (long?)null))];
        }

        return tensors.Where(item => item.Name.EndsWith(Suffix, StringComparison.Ordinal))
            .ToDictionary(item => item.Name[Prefix.Length..^Suffix.Length], item => item.Rank);
    }

    private static bool Says(JsonNode? value) =>
        value?.GetValueKind() switch
        {
            null or JsonValueKind.False => false,
            JsonValueKind.Object => value.AsObject().Count > 0,
            _ => true,
        };

    private static LoraConfig Parse(string json)
    {
        using var folder = new TemporaryFolder();
        folder.Add(LoraConfig.FileName, json);
        return LoraConfig.Read(folder.FullPath);
    }

    private static string Merge(string keys)
    {
        var merged = JsonNode.Parse("""{"peft_type": "LORA", "target_modules": ["q_proj"]}""")!.AsObject();
        foreach (var item in JsonNode.Parse(keys)!.AsObject())
        {
            merged[item.Key] = item.Value?.DeepClone();
        }

        return merged.ToJsonString();
    }
}
