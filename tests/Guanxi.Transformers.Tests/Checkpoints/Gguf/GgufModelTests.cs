using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Gguf;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.SentencePieces;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints.Gguf;

/// <summary>Whole models out of GGUF files and into them.</summary>
public sealed class GgufModelTests
{
    // case.json: fp32 arithmetic over the same dequantised weights.
    private const double LogitTolerance = 0.002;

    [GoldenFact("golden/smollm2")]
    public void A_real_file_answers_as_the_reference()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var model = LanguageModel.Load(Golden.Locate("smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"), new LanguageModelOptions());

        Assert.Equivalent(DecoderConfig.Read(Golden.Locate("smollm2")), model.Config, strict: true);
        foreach (var prompt in Golden.Json("smollm2/expected.json").GetProperty("prompts").EnumerateArray().Take(3))
        {
            using var part = TensorScope.Enter();
            var ids = prompt.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();
            var hidden = model.Decoder.Forward(TokenBatch.Of([ids]) with { OutputRows = [ids.Length - 1] }, model.Evaluation);
            var logits = model.Decoder.Logits(hidden, model.Evaluation).ToArray<float>();

            var best = prompt.GetProperty("top5");
            foreach (var (id, logit) in best.GetProperty("ids").EnumerateArray().Zip(best.GetProperty("logits").EnumerateArray()))
            {
                Assert.Equal(logit.GetDouble(), logits[id.GetInt32()], LogitTolerance);
            }

            Assert.Equal(best.GetProperty("ids")[0].GetInt32(), Array.IndexOf(logits, logits.Max()));
        }
    }

    [GoldenFact("golden/smollm2")]
    public void The_tokenizer_of_a_real_file_gives_the_ids_and_the_text_of_the_reference()
    {
        var tokenizer = TokenizerLoader.Load(Golden.Locate("smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"));
        var fromJson = TokenizerLoader.Load(Golden.Locate("smollm2"));
        foreach (var prompt in Golden.Json("smollm2/expected.json").GetProperty("prompts").EnumerateArray())
        {
            var text = prompt.GetProperty("text").GetString()!;
            var ids = prompt.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();
            Assert.Equal(ids, tokenizer.Tokenize(text, TokenizeOptions.Plain with { ParseSpecial = true }).Ids);
            Assert.Equal(text, fromJson.Decode(fromJson.Encode(text)));
            Assert.Equal(fromJson.Encode(text), tokenizer.Encode(text));
            Assert.Equal(fromJson.Decode(ids), tokenizer.Decode(ids));
        }
    }

    [GoldenFact("golden/smollm2")]
    public void The_vocabulary_of_a_real_file_is_given_as_it_stands()
    {
        using var file = GgufFile.Open(Golden.Locate("smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"));

        var tokenizer = GgufTokenizer.Read(file)!;

        Assert.Equal(("gpt2", "smollm", 49152), (tokenizer.Model, tokenizer.Pre, tokenizer.Tokens.Count));
        Assert.Equal((1, 2, 0, 2), (tokenizer.BosId, tokenizer.EosId, tokenizer.UnknownId, tokenizer.PadId));
        Assert.Equal((false, false), (tokenizer.AddBos, tokenizer.AddSpacePrefix));
        Assert.Equal("<|im_start|>", tokenizer.Tokens[1]);
        Assert.NotEmpty(tokenizer.Merges);
        Assert.StartsWith("{% for message in messages %}", tokenizer.ChatTemplate, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama", GgmlType.F32, 0)]
    [InlineData("llama", GgmlType.F16, 1.0 / 2048)]
    [InlineData("llama", GgmlType.BF16, 1.0 / 256)]
    [InlineData("llama", GgmlType.Q8_0, 0.54 / 127)]
    [InlineData("llama", GgmlType.Q4_0, 1.01 / 8)]
    [InlineData("baichuan", GgmlType.F32, 0)]
    [InlineData("baichuan", GgmlType.Q8_0, 0.54 / 127)]
    public void A_model_that_is_written_and_read_again_has_the_same_weights(string family, GgmlType type, double share)
    {
        // Half a step of each type, as a share of the largest weight of the layer; 127 steps of a scale rounded to eleven bits are off
        // by 0.03 of one.
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        var config = Config(family);
        using var model = TinyModel.Make(config, DType.Float32);
        var path = folder["model.gguf"];

        GgufModelWriter.Write(model, null, path, type);
        using var again = LanguageModel.Load(path, new LanguageModelOptions());

        Assert.Equivalent(config with { StorageType = null }, again.Config, strict: true);
        foreach (var ((name, mine), (_, theirs)) in model.NamedParameters().Zip(again.Decoder.NamedParameters()))
        {
            var tolerance = mine.Value.Rank == 1 ? 0 : share * mine.Value.Abs().Max().Item();
            Close.Assert(mine.Value, theirs.Value, tolerance, name);
        }

        if (type == GgmlType.F32)
        {
            // The same numbers at other places of the memory: sums may be taken in another order.
            Close.Assert(TinyModel.Logits(model), TinyModel.Logits(again.Decoder), 1e-5, "logits");
        }
    }

    public static TheoryData<string, string> Kept => new()
    {
        { "llama", "linear" }, { "llama", "llama3" }, { "llama", "ends" }, { "qwen2", "window" }, { "qwen3", "window" }, { "qwen3", "none" },
        { "baichuan", "alibi" }, { "baichuan", "forty layers" },
    };

    [Theory]
    [MemberData(nameof(Kept))]
    public void What_a_configuration_says_is_the_same_after_the_file(string family, string what)
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        var config = Changed(family, what);
        using var model = TinyModel.Make(config, DType.Float32);

        GgufModelWriter.Write(model, null, folder["model.gguf"], GgmlType.F32);
        using var again = LanguageModel.Load(folder["model.gguf"], new LanguageModelOptions());

        Assert.Equivalent(config, again.Config, strict: true);
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        Close.Assert(TinyModel.Logits(model), TinyModel.Logits(again.Decoder), 1e-5 * config.LayerCount, "logits");
    }

    [Theory]
    [InlineData("llama", "dynamic", "this scaling of rotary positions")]
    [InlineData("llama", "llama3 of another length", "this scaling of rotary positions")]
    [InlineData("qwen2", "llama3", "this scaling of rotary positions")]
    [InlineData("llama", "window", "this window")]
    [InlineData("qwen2", "late window", "this window")]
    [InlineData("llama", "four ends", "so many ids")]
    public void What_has_no_key_is_refused_before_anything_is_written(string family, string what, string message)
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(Changed(family, what), DType.Float32);

        var error = Assert.Throws<OptionsException>(() => GgufModelWriter.Write(model, null, folder["model.gguf"], GgmlType.F16));

        Assert.Contains($"the format has no key for {message}", Assert.Single(error.Problems).What, StringComparison.Ordinal);
        Assert.Empty(folder.Files());
    }

    [Fact]
    public void A_window_in_a_file_of_a_family_without_one_is_told()
    {
        using var folder = new TemporaryFolder();
        var keys = GgufConfig.KeysOf(TinyModel.Config(1), GgufFamily.Find("llama")!)
            .Append(KeyValuePair.Create("llama.attention.sliding_window", (object)16L));
        GgufWriter.Write(folder["model.gguf"], keys, []);

        var error = Assert.Throws<CheckpointException>(() => DecoderConfig.Read(folder["model.gguf"]));

        Assert.Contains("use_sliding_window: this family has no window", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_normalised_head_is_written_so_that_a_plain_one_gives_its_logits()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(Config("baichuan") with { HasNormHead = true }, DType.Float32);

        GgufModelWriter.Write(model, null, folder["model.gguf"], GgmlType.F32);
        using var again = LanguageModel.Load(folder["model.gguf"], new LanguageModelOptions());

        Assert.False(again.Config.HasNormHead);
        Close.Assert(TinyModel.Logits(model), TinyModel.Logits(again.Decoder), 1e-5, "logits");
    }

    [Fact]
    public void The_file_has_the_names_and_the_order_of_rows_of_llama_cpp()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(Config("baichuan"), DType.Float32);
        GgufModelWriter.Write(model, null, folder["model.gguf"], GgmlType.Q8_0);

        using var file = GgufFile.Open(folder["model.gguf"]);

        Assert.Equal(
            [
                "token_embd.weight", "blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight", "blk.0.attn_output.weight",
                "blk.0.ffn_gate.weight", "blk.0.ffn_up.weight", "blk.0.ffn_down.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight",
                "output_norm.weight", "output.weight",
            ],
            file.Tensors.Keys);
        Assert.All(file.Tensors.Values, info => Assert.Equal(info.Shape.Length == 1 ? GgmlType.F32 : GgmlType.Q8_0, info.Type));
        Assert.Equal(
            [
                "model.embed_tokens.weight", "model.layers.0.self_attn.W_pack.weight", "model.layers.0.self_attn.o_proj.weight",
                "model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight",
                "model.layers.0.input_layernorm.weight", "model.layers.0.post_attention_layernorm.weight", "model.norm.weight",
                "lm_head.weight",
            ],
            file.Entries.Keys);
        Assert.Equal(7, file.Metadata.Whole("general.file_type", []));
    }

    [Fact]
    public void Rows_that_are_no_whole_blocks_are_written_in_half_precision()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(layers: 1);
        GgufModelWriter.Write(model, null, folder["model.gguf"], GgmlType.Q4_0);

        using var file = GgufFile.Open(folder["model.gguf"]);

        Assert.All(file.Tensors.Values, info => Assert.Equal(info.Shape.Length == 1 ? GgmlType.F32 : GgmlType.F16, info.Type));
    }

    [Fact]
    public void A_type_or_a_family_without_such_a_form_is_refused()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(layers: 1);

        var error = Assert.Throws<OptionsException>(() => GgufModelWriter.Write(model, null, folder["model.gguf"], GgmlType.Q6_K));

        Assert.Contains("this type is not written; expected F32, F16, Q4_0, Q8_0, BF16; found Q6_K", error.Message,
            StringComparison.Ordinal);
        Assert.Empty(folder.Files());
    }

    [Fact]
    public void Missing_keys_and_other_families_are_told()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Add("a.gguf", new GgufImage().Begin(0, 3)
            .Key("general.architecture", 8).Text("llama")
            .Key("llama.block_count", 4).Number(1u)
            .Key("llama.context_length", 8).Text("x").End(0));
        var other = folder.Add("b.gguf", GgufImage.Sound());

        var error = Assert.Throws<CheckpointException>(() => DecoderConfig.Read(path));

        Assert.Contains("llama.embedding_length: the key is missing", error.Message, StringComparison.Ordinal);
        Assert.Contains("llama.attention.head_count: the key is missing", error.Message, StringComparison.Ordinal);
        Assert.Contains("llama.context_length: the value is of another kind; expected a whole number; found 'x'", error.Message,
            StringComparison.Ordinal);
        Assert.Equal(error.Problems.Count, error.Problems.Select(problem => problem.Where).Distinct().Count());
        Assert.Contains(
            "general.architecture: this family of models is not supported; expected llama, baichuan, qwen2, qwen3; found 'test'",
            Assert.Throws<CheckpointException>(() => DecoderConfig.Read(other)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_SentencePiece_vocabulary_reads_text_as_before()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(layers: 1);
        var original = SentencePieceModel.Load(Golden.Locate("tokenizers/nano-spm/tokenizer.model"));
        var frame = SentencePieceFrame.Of(original);
        var expected = new SentencePieceTokenizer(original, frame);

        GgufModelWriter.Write(model, GgufTokenizer.Of(original, frame), folder["model.gguf"], GgmlType.F16);
        var read = TokenizerLoader.Load(folder["model.gguf"]);

        Assert.Equal((expected.VocabularySize, expected.BosId, expected.EosId), (read.VocabularySize, read.BosId, read.EosId));
        var options = new TokenizeOptions(ParseSpecial: false, AddSpecial: true);
        foreach (var text in new[] { "鲁迅的弟弟周作人也是作家。", " Tom  met Bob\n", "𠮷\u200d👍", string.Empty })
        {
            Assert.Equal(expected.Tokenize(text, options).Ids, read.Tokenize(text, options).Ids);
        }

        using var file = GgufFile.Open(folder["model.gguf"]);
        var tokenizer = GgufTokenizer.Read(file)!;
        Assert.Equal((GgufTokenizer.SentencePieceModelName, original.Pieces.Count), (tokenizer.Model, tokenizer.Tokens.Count));
        var other = Assert.Throws<CheckpointException>(() => (tokenizer with { Scores = [] }).ToSentencePiece());
        Assert.Contains("no scores or no types", other.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_without_vocabulary_or_with_a_wrong_one_says_so()
    {
        using var folder = new TemporaryFolder();
        var none = folder.Add("none.gguf", GgufImage.Sound());
        var wrong = folder.Add("wrong.gguf", new GgufImage().Begin(0, 4)
            .Key("tokenizer.ggml.model", 8).Text("llama")
            .Key("tokenizer.ggml.tokens", 9).Number(8u).Number(1UL).Text("a")
            .Key("tokenizer.ggml.scores", 9).Number(6u).Number(2UL).Number(0u).Number(0u)
            .Key("tokenizer.ggml.bos_token_id", 4).Number(1u).End(0));

        Assert.Contains("the file has no tokenizer", Assert.Throws<CheckpointException>(() => TokenizerLoader.Load(none)).Message,
            StringComparison.Ordinal);
        var error = Assert.Throws<CheckpointException>(() => TokenizerLoader.Load(wrong));
        Assert.Equal(2, error.Problems.Count);
        Assert.Contains("scores: the list is not as long as the vocabulary; expected 1; found 2", error.Message, StringComparison.Ordinal);
        Assert.Contains("bos_token_id: not an id of the vocabulary; expected 0 to 0; found 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Divisors_of_frequencies_are_those_of_LLaMA_3_or_refused()
    {
        // Llama-3.1-8B: head of 128, base 500000, factor 8. The 30th pair makes 2.76 turns in 8192 positions: between 1 and 4.
        var divisors = new float[64];
        for (var i = 0; i < divisors.Length; i++)
        {
            var length = 2 * Math.PI * Math.Pow(500_000, i / 64.0);
            var smooth = ((8192 / length) - 1) / 3;
            divisors[i] = (float)(length < 2048 ? 1 : length > 8192 ? 8 : 1 / (((1 - smooth) / 8) + smooth));
        }

        var scaling = GgufRopeFactors.Scaling(divisors, 500_000)!;

        const string Expected =
            """{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8192}""";
        Assert.Equal(Expected, scaling.ToJsonString());
        divisors[30] *= 1.1f;
        Assert.Null(GgufRopeFactors.Scaling(divisors, 500_000));
    }

    // Rows of whole blocks, and no two widths the same.
    private static DecoderConfig Config(string family) => TinyModel.Config(1) with
    {
        HiddenSize = 64,
        IntermediateSize = 96,
        HeadDim = 16,
        ModelType = family,
        Architecture = family == "llama" ? "LlamaForCausalLM" : "BaichuanForCausalLM",
        KeyValueHeadCount = family == "baichuan" ? 4 : 2,
        FusedQueryKeyValue = family == "baichuan",
    };

    private static DecoderConfig Changed(string family, string what)
    {
        var config = Config(family);
        if (family.StartsWith("qwen", StringComparison.Ordinal))
        {
            config = config with
            {
                Architecture = family == "qwen2" ? "Qwen2ForCausalLM" : "Qwen3ForCausalLM",
                HasQueryKeyValueBias = family == "qwen2",
                HasQueryKeyNorm = family == "qwen3",
            };
        }

        return what switch
        {
            "linear" => config with { RopeScaling = new RopeScaling("linear", 2.5, 0, 0, 0) },
            "dynamic" => config with { RopeScaling = new RopeScaling("dynamic", 2, 0, 0, 0) },
            "llama3" => config with { RopeScaling = new RopeScaling("llama3", 8, 1, 4, 8192) },
            "llama3 of another length" => config with { RopeScaling = new RopeScaling("llama3", 8, 1, 4, 4096) },
            "ends" => config with { EosIds = [2, 5, 7] },
            "four ends" => config with { EosIds = [2, 5, 7, 8] },
            "window" => config with { SlidingWindow = 3 },
            "late window" => config with { SlidingWindow = 3, FirstWindowLayer = 1 },
            "alibi" => config with { UsesAlibi = true },
            "forty layers" => config with { LayerCount = 40 },
            _ => config,
        };
    }
}
