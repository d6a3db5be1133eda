using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

public sealed class DecoderConfigTests
{
    private const string Llama = """
        {"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":64,"intermediate_size":176,
        "num_hidden_layers":3,"num_attention_heads":4,"vocab_size":1000}
        """;

    private const string Baichuan = """
        {"architectures":["BaiChuanForCausalLM"],"model_type":"baichuan","hidden_size":64,"intermediate_size":176,
        "num_hidden_layers":3,"num_attention_heads":4,"vocab_size":1000,"max_position_embeddings":4096}
        """;

    [GoldenFact("golden/models/llama")]
    public void A_llama_file_of_transformers_4_is_read()
    {
        var config = DecoderConfig.Read(Golden.Locate("models/llama/hf"));

        Assert.Equal("LlamaForCausalLM", config.Architecture);
        Assert.Equal("llama", config.ModelType);
        Assert.Equal((1000, 64, 176, 3), (config.VocabularySize, config.HiddenSize, config.IntermediateSize, config.LayerCount));
        Assert.Equal((4, 2, 16), (config.HeadCount, config.KeyValueHeadCount, config.HeadDim));
        Assert.Equal((1e-5, 10_000.0, 512), (config.RmsNormEpsilon, config.RopeTheta, config.MaxPositions));
        Assert.Equal((0, null), (config.BosId, config.PadId));
        Assert.Equal([2], config.EosIds);
        Assert.False(config.TieWordEmbeddings);
        Assert.False(config.FusedQueryKeyValue);
        Assert.Equal(DType.Float32, config.StorageType);
        Assert.Null(config.Quantization);
    }

    [GoldenFact("golden/quant/checkpoint_nf4_double")]
    public void A_quantised_llama_file_of_transformers_5_is_read()
    {
        var config = DecoderConfig.Read(Golden.Locate("quant/checkpoint_nf4_double"));

        Assert.Equal((1, 0, 10_000.0), (config.BosId, config.PadId, config.RopeTheta));
        Assert.Equal(DType.BFloat16, config.StorageType);
        Assert.Equal(new QuantizationConfig("nf4", true, "bfloat16", "uint8", null), config.Quantization);
    }

    [GoldenFact("golden/models/baichuan-7b")]
    public void A_baichuan_7b_file_is_read()
    {
        var config = DecoderConfig.Read(Golden.Locate("models/baichuan-7b/hf/config.json"));

        Assert.Equal("BaiChuanForCausalLM", config.Architecture);
        Assert.True(config.FusedQueryKeyValue);
        Assert.Equal((4, 4, 16), (config.HeadCount, config.KeyValueHeadCount, config.HeadDim));
        Assert.Equal((1, 0, 4096), (config.BosId, config.PadId, config.MaxPositions));
    }

    [GoldenTheory("golden/models")]
    [InlineData("models/llama/hf")]
    [InlineData("models/mistral/hf")]
    [InlineData("models/qwen2/hf")]
    [InlineData("models/baichuan2-13b/hf")]
    [InlineData("peft/base")]
    [InlineData("peft/base_baichuan")]
    public void The_parameter_count_is_that_of_the_weights(string folder)
    {
        using var weights = CheckpointReader.Open(Golden.Locate(folder));
        var elements = weights.Names.Sum(name => weights.TryGet(name, out _, out var entry) ? entry.ElementCount : 0);

        Assert.Equal(elements, DecoderConfig.Read(Golden.Locate(folder)).ParameterCount);
    }

    [Fact]
    public void The_parameter_count_of_the_published_models_is_right()
    {
        // Figures of the model cards' weight files: LLaMA-7B and Baichuan-7B; a tied head counts once.
        const string Sizes = "\"hidden_size\": 4096, \"intermediate_size\": 11008, \"num_hidden_layers\": 32, \"num_attention_heads\": 32";
        var llama = Parse(Merge(Llama, "{" + Sizes + ", \"vocab_size\": 32000}"));
        Assert.Equal(6_738_415_616, llama.ParameterCount);
        Assert.Equal(6_738_415_616 - 32_000 * 4096, (llama with { TieWordEmbeddings = true }).ParameterCount);
        var baichuan = Parse(Merge(Baichuan, "{" + Sizes + ", \"vocab_size\": 64000}"));
        Assert.Equal(7_000_559_616, baichuan.ParameterCount);
    }

    [Fact]
    public void Keys_left_out_take_the_defaults_of_transformers()
    {
        var config = Parse(Llama);

        Assert.Equal((4, 16, 1e-6, 10_000.0), (config.KeyValueHeadCount, config.HeadDim, config.RmsNormEpsilon, config.RopeTheta));
        Assert.Equal((2048, 0.02, false), (config.MaxPositions, config.InitializerRange, config.TieWordEmbeddings));
        Assert.Equal((1, null), (config.BosId, config.PadId));
        Assert.Equal([2], config.EosIds);
    }

    [Theory]
    [InlineData("""{"rope_theta": 500000.0}""", 500_000)]
    [InlineData("""{"rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}}""", 500_000)]
    [InlineData("""{"rope_theta": 7.0, "rope_parameters": {"rope_theta": 500000.0}}""", 500_000)]
    [InlineData("""{"rope_theta": 20000, "rope_scaling": {"type": "default"}}""", 20_000)]
    public void Rope_theta_is_read_in_both_spellings(string keys, double theta) =>
        Assert.Equal(theta, Parse(Merge(Llama, keys)).RopeTheta);

    [Fact]
    public void Several_end_tokens_and_absent_ids_are_read()
    {
        var config = Parse(Merge(Llama, """{"eos_token_id": [5, 7], "bos_token_id": null, "pad_token_id": -1}"""));

        Assert.Equal([5, 7], config.EosIds);
        Assert.Equal((null, null), (config.BosId, config.PadId));
        Assert.Empty(Parse(Merge(Llama, """{"eos_token_id": null}""")).EosIds);
    }

    [Fact]
    public void Everything_that_is_not_supported_is_named_at_once()
    {
        var error = Refuse(Merge(Llama, """
            {"hidden_act": "gelu", "attention_bias": true, "mlp_bias": true, "rope_scaling": {"type": "yarn", "factor": 2.0},
            "partial_rotary_factor": 0.5, "attention_dropout": 0.1, "vocab_size": 0, "eos_token_id": "x",
            "quantization_config": {"quant_method": "gptq"}, "num_local_experts": 8, "num_key_value_heads": 3}
            """));

        string[] keys =
        [
            "hidden_act", "attention_bias", "mlp_bias", "rope_scaling, type", "partial_rotary_factor", "attention_dropout", "vocab_size",
            "eos_token_id", "quant_method", "num_local_experts", "num_key_value_heads",
        ];
        Assert.All(keys, key => Assert.Single(error.Problems, problem => problem.Where.EndsWith(", " + key, StringComparison.Ordinal)));
        Assert.Equal(keys.Length, error.Problems.Count);
        Assert.All(error.Problems, problem => Assert.NotNull(problem.Expected));
    }

    [Fact]
    public void An_unknown_family_is_refused_with_the_supported_ones_and_with_what_else_it_asks_for()
    {
        var error = Refuse("""
            {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "num_local_experts": 16, "hidden_act": "relu",
            "rope_scaling": {"rope_type": "longrope"}, "quantization_config": {"quant_method": "awq"}, "torch_dtype": "float8"}
            """);

        Assert.Equal(6, error.Problems.Count);
        foreach (var (found, expected) in new[]
        {
            ("mixtral", "qwen3 with Qwen3ForCausalLM"), ("16", "one feed-forward part"), ("relu", "silu"), ("longrope", "llama3"),
            ("awq", "bitsandbytes"), ("float8", "bfloat16"),
        })
        {
            var problem = Assert.Single(error.Problems, problem => problem.Found!.Contains(found, StringComparison.Ordinal));
            Assert.Contains(expected, problem.Expected, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"rope_parameters": {"rope_type": "yarn"}}""", "rope_parameters, rope_type")]
    [InlineData("""{"rope_parameters": "linear"}""", "rope_parameters")]
    [InlineData("""{"rope_scaling": {"type": "linear"}}""", "rope_scaling, factor")]
    [InlineData("""{"rope_scaling": {"type": "dynamic", "factor": 0.5}}""", "rope_scaling, factor")]
    [InlineData("""{"use_sliding_window": true}""", "use_sliding_window")]
    [InlineData("""{"rope_scaling": {"rope_type": "yarn", "type": "default"}}""", "rope_scaling, rope_type")]
    [InlineData("""{"rope_scaling": "linear"}""", "rope_scaling")]
    [InlineData("""{"num_key_value_heads": 3}""", "num_key_value_heads")]
    [InlineData("""{"num_attention_heads": 5}""", "num_attention_heads")]
    [InlineData("""{"head_dim": 15}""", "head_dim")]
    [InlineData("""{"hidden_size": 1e3}""", "hidden_size")]
    [InlineData("""{"hidden_size": 4294967360}""", "hidden_size")]
    [InlineData("""{"num_hidden_layers": null}""", "num_hidden_layers")]
    [InlineData("""{"rms_norm_eps": 0}""", "rms_norm_eps")]
    [InlineData("""{"pad_token_id": 1000}""", "pad_token_id")]
    [InlineData("""{"torch_dtype": "int8"}""", "torch_dtype")]
    [InlineData("""{"model_type": "mistral"}""", "model_type and architectures")]
    [InlineData("""{"model_type": 5}""", "model_type")]
    [InlineData("""{"architectures": ["LlamaForSequenceClassification"]}""", "model_type and architectures")]
    [InlineData("""{"quantization_config": {"load_in_4bit": true, "bnb_4bit_quant_type": "int4"}}""", "bnb_4bit_quant_type")]
    [InlineData("""{"quantization_config": {}}""", "load_in_4bit")]
    public void A_wrong_key_is_refused_by_name(string keys, string named)
    {
        var problem = Assert.Single(Refuse(Merge(Llama, keys)).Problems);
        Assert.EndsWith("config.json, " + named.Replace("load_in", "quantization_config, load_in", StringComparison.Ordinal)
            .Replace("bnb", "quantization_config, bnb", StringComparison.Ordinal), problem.Where, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", false, false)]
    [InlineData("""{"vocab_size": 125696}""", false, true)]
    [InlineData("""{"z_loss_weight": 0}""", false, true)]
    [InlineData("""{"norm_head": true}""", false, true)]
    [InlineData("""{"max_position_embeddings": null, "model_max_length": 4096}""", true, false)]
    [InlineData("""{"max_position_embeddings": null, "vocab_size": 125696, "num_attention_heads": 5, "hidden_size": 75}""", true, true)]
    [InlineData("""{"position_embedding": "alibi"}""", true, false)]
    [InlineData("""{"max_position_embeddings": null, "hidden_size": 4096}""", false, false)]
    [InlineData("""{"vocab_size": 125696, "norm_head": false, "position_embedding": "rope", "max_position_embeddings": null}""", false, false)]
    public void It_is_seen_which_baichuan_it_is_unless_own_keys_say_it(string keys, bool usesAlibi, bool hasNormHead)
    {
        var config = Parse(Merge(Baichuan, keys));
        Assert.Equal((usesAlibi, hasNormHead, 4096), (config.UsesAlibi, config.HasNormHead, config.MaxPositions));
    }

    [Theory]
    [InlineData("""{"position_embedding": "learned"}""", "position_embedding")]
    [InlineData("""{"norm_head": true, "tie_word_embeddings": true}""", "tie_word_embeddings")]
    [InlineData("""{"position_embedding": "alibi", "rope_scaling": {"type": "linear", "factor": 2}}""", "rope_scaling")]
    public void What_no_baichuan_has_is_refused_by_name(string keys, string named) =>
        Assert.EndsWith(named, Assert.Single(Refuse(Merge(Baichuan, keys)).Problems).Where, StringComparison.Ordinal);

    [Theory]
    [InlineData("mistral", "{}", 8, 1, 4096, 0)]
    [InlineData("mistral", """{"num_key_value_heads": 4, "sliding_window": null}""", 4, 1, 0, 0)]
    [InlineData("mistral", """{"num_key_value_heads": null, "sliding_window": 8}""", 8, 1, 8, 0)]
    [InlineData("qwen2", """{"num_key_value_heads": 2}""", 2, null, 0, 0)]
    [InlineData("qwen2", """{"num_key_value_heads": 2, "use_sliding_window": true}""", 2, null, 4096, 3)]
    [InlineData(
        "qwen2",
        """{"num_key_value_heads": 2, "use_sliding_window": true, "max_window_layers": 1, "sliding_window": 9}""",
        2, null, 9, 1)]
    [InlineData("qwen3", """{"num_key_value_heads": 1, "use_sliding_window": true, "sliding_window": null}""", 1, null, 0, 0)]
    [InlineData(
        "qwen3",
        """
        {"num_key_value_heads": 1, "use_sliding_window": true, "layer_types": ["full_attention", "full_attention", "sliding_attention"]}
        """,
        1, null, 4096, 2)]
    public void Windows_heads_and_ids_are_those_that_transformers_takes(
        string family, string keys, int keyHeads, int? bosId, int window, int firstLayer)
    {
        var config = Parse(Merge(Merge(Llama, Family(family)), keys));
        Assert.Equal(
            (keyHeads, bosId, window, firstLayer),
            (config.KeyValueHeadCount, config.BosId, config.SlidingWindow, config.FirstWindowLayer));
    }

    [Fact]
    public void Layers_with_windows_in_another_order_are_refused()
    {
        const string Keys = """{"use_sliding_window": true, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}""";
        var problem = Assert.Single(
            Refuse(Merge(Merge(Llama, Family("qwen3")), Keys)).Problems,
            problem => problem.Where.EndsWith("layer_types", StringComparison.Ordinal));
        Assert.Contains("first full_attention", problem.Expected, StringComparison.Ordinal);
    }

    [GoldenFact("golden/models/llama3-rope")]
    public void A_scaling_is_the_same_in_the_spelling_of_either_version()
    {
        var config = DecoderConfig.Read(Golden.Locate("models/llama3-rope/hf"));

        Assert.Equal(new RopeScaling("llama3", 8, 1, 4, 128), config.RopeScaling);
        Assert.Equal(config.RopeScaling, DecoderConfig.Read(Golden.Locate("models/llama3-rope/config.v5.json")).RopeScaling);
        Assert.Equal(new RopeScaling("linear", 2, 0, 0, 0), DecoderConfig.Read(Golden.Locate("models/llama-linear-rope/hf")).RopeScaling);
    }

    [Fact]
    public void Dynamic_scaling_changes_nothing_within_the_positions_of_the_model()
    {
        var plain = Parse(Llama);
        var scaled = Parse(Merge(Llama, """{"rope_scaling": {"type": "dynamic", "factor": 4.0}}"""));

        Assert.Equal(RopeScaling.Frequencies(plain, plain.MaxPositions), RopeScaling.Frequencies(scaled, scaled.MaxPositions));
        Assert.Equal(plain.MaxPositions, scaled.MaxPositions);
    }

    [GoldenFact("golden/models/bert")]
    public void An_encoder_is_no_decoder() =>
        Assert.Throws<CheckpointException>(() => DecoderConfig.Read(Golden.Locate("models/bert/hf")));

    [GoldenTheory("golden/models")]
    [InlineData("models/llama/hf")]
    [InlineData("models/llama3-rope/hf")]
    [InlineData("models/llama-linear-rope/hf")]
    [InlineData("models/mistral/hf")]
    [InlineData("models/qwen2/hf")]
    [InlineData("models/qwen3/hf")]
    [InlineData("models/baichuan-7b/hf")]
    [InlineData("models/baichuan-13b-odd-heads/hf")]
    [InlineData("models/baichuan2-7b/hf")]
    [InlineData("models/baichuan2-13b/hf")]
    [InlineData("peft/base_baichuan")]
    [InlineData("quant/checkpoint_nf4_double")]
    public void What_is_written_is_read_back_the_same(string source)
    {
        using var folder = new TemporaryFolder();
        var config = DecoderConfig.Read(Golden.Locate(source)) with { EosIds = [2, 3] };
        config.Write(folder.FullPath);
        var again = DecoderConfig.Read(folder.FullPath);

        Assert.Equal(config.EosIds, again.EosIds);
        Assert.Equal(config with { EosIds = again.EosIds }, again);
    }

    [GoldenFact("golden/models/llama")]
    public void A_written_file_has_the_keys_and_values_that_transformers_wrote()
    {
        using var folder = new TemporaryFolder();
        DecoderConfig.Read(Golden.Locate("models/llama/hf")).Write(folder.FullPath);
        var written = JsonNode.Parse(File.ReadAllText(folder["config.json"]))!.AsObject();
        var original = JsonNode.Parse(File.ReadAllText(Golden.Locate("models/llama/hf/config.json")))!.AsObject();

        // The version is not ours to claim; pretraining_tp 1 means nothing; the rest ours has more.
        var left = original.Select(key => key.Key).Except(written.Select(key => key.Key)).Order(StringComparer.Ordinal);
        Assert.Equal(["pretraining_tp", "transformers_version"], left);
        var common = written.Where(key => original.ContainsKey(key.Key));
        Assert.All(common, key => Assert.Equal(original[key.Key]?.ToJsonString(), key.Value?.ToJsonString()));
        Assert.DoesNotContain('\uFEFF', File.ReadAllText(folder["config.json"]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"a\":")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{\"\\ud800\":1}")]
    public void A_damaged_file_is_refused_by_name(string text)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Add("config.json", text);
        Assert.StartsWith(path, Assert.Throws<CheckpointException>(() => DecoderConfig.Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_refused_by_name()
    {
        var error = Assert.Throws<CheckpointException>(() => DecoderConfig.Read("/nowhere/config.json"));
        Assert.StartsWith("/nowhere/config.json", error.Message, StringComparison.Ordinal);
    }

    private static string Family(string modelType) =>
        $$"""{"model_type": "{{modelType}}", "architectures": null, "num_attention_heads": 8}""";

    private static DecoderConfig Parse(string json)
    {
        using var folder = new TemporaryFolder();
        folder.Add("config.json", json);
        return DecoderConfig.Read(folder.FullPath);
    }

    private static CheckpointException Refuse(string json) => Assert.Throws<CheckpointException>(() => Parse(json));

    private static string Merge(string json, string keys)
    {
        var merged = JsonNode.Parse(json)!.AsObject();
        foreach (var item in JsonNode.Parse(keys)!.AsObject())
        {
            merged[item.Key] = item.Value?.DeepClone();
        }

        return merged.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
    }
}
