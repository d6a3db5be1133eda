using System.Text.Json;
using Guanxi.Relations;
using Guanxi.Relations.Training;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary>Verbs that ask a model or its tokenizer, against the reference libraries.</summary>
public sealed class ModelVerbTests
{
    // Sums of up to four log-probabilities of an fp32 model; the golden case names the same.
    private const double ScoreTolerance = 5e-4;

    private const string Row = "{\"context_ids\": [1], \"continuation_ids\": [2]}";

    private static string Base => Golden.Locate("peft/base");

    [GoldenFact("golden/sampling/label_scoring")]
    public void Score_equals_the_reference_and_needs_no_tokenizer()
    {
        using var folder = new TemporaryFolder();
        var golden = Golden.Json("sampling/label_scoring/case.json");
        var prompts = golden.GetProperty("prompts").Deserialize<int[][]>()!;
        var labels = golden.GetProperty("labels").Deserialize<int[][]>()!.Select(label => (int[])[.. label, golden.GetProperty("eos").GetInt32()]).ToArray();
        var rows = prompts.SelectMany(_ => labels, (prompt, label) => JsonSerializer.Serialize(new { context_ids = prompt, continuation_ids = label }));
        using var tensors = SafetensorsFile.Open(Golden.Locate("sampling/label_scoring/tensors.safetensors"));

        var scores = ChildProgram.Run("score", "--model", Base, "--data", folder.Add("rows.jsonl", rows), "--dtype", "fp32").Expect(ExitCode.Done).Rows;

        Close.Assert(tensors.Read<float>("scores"), [.. scores.Select(row => row.GetProperty("logprob").GetSingle())], ScoreTolerance, "logprob");
        Assert.All(scores, row => Assert.Equal(
            row.GetProperty("logprob").GetDouble(), row.GetProperty("token_logprobs").EnumerateArray().Sum(item => item.GetDouble()), 1e-9));
        Assert.Equal(labels[1], scores[1].GetProperty("tokens").Deserialize<int[]>());
        Assert.All(scores, row => Assert.False(row.GetProperty("is_greedy").GetBoolean()));
    }

    [GoldenFact("golden/peft/base")]
    public void Score_tells_every_row_that_cannot_be_scored()
    {
        const string Rows = "{\"context_ids\": [1], \"continuation_ids\": [600]}\n{\"context_ids\": [], \"continuation_ids\": [6]}\n";

        var told = ChildProgram.RunWith(Rows, [], "score", "--model", Base).Expect(ExitCode.WrongCall);

        Assert.Contains("stdin:1: an id is outside the model's vocabulary; expected 0 to 511; found 600", told.Error, StringComparison.Ordinal);
        Assert.Contains("stdin:2: the context is empty", told.Error, StringComparison.Ordinal);
        Assert.Equal("", told.Output);
    }

    [GoldenFact("golden/sampling/greedy")]
    public void Generate_gives_the_reference_ids()
    {
        var row = Golden.Json("sampling/greedy/case.json").GetProperty("rows")[0];
        var expected = row.GetProperty("repetition_1.2").GetProperty("new_ids").Deserialize<int[]>()!;
        var prompt = string.Join(' ', row.GetProperty("prompt").Deserialize<int[]>()!);

        var result = ChildProgram.Run(
            "generate", "--model", Base, "--prompt_ids", prompt, "--max_new_tokens", $"{expected.Length}", "--repetition_penalty", "1.2", "--json", "-").Expect(ExitCode.Done);

        Assert.Equal(expected, result.LastRow.GetProperty("ids").Deserialize<int[]>());
        Assert.Equal(JsonValueKind.Null, result.LastRow.GetProperty("text").ValueKind);
        Assert.Single(result.Lines);
    }

    [GoldenFact("golden/peft/base")]
    public void Text_for_a_model_without_tokenizer_is_refused()
    {
        var told = InProcess.Run("generate", "--model", Base, "--prompt", "你好").Expect(ExitCode.WrongCall);

        Assert.Contains("no tokenizer", told.Error, StringComparison.Ordinal);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void Offsets_count_units_and_code_points_and_special_strings_are_text_unless_asked()
    {
        using var folder = new TemporaryFolder();
        var model = folder.Copy(Golden.Locate("tokenizers/nano-spm"), "model");
        folder.Add("model/tokenizer_config.json", "{\"tokenizer_class\": \"LlamaTokenizer\", \"add_bos_token\": true, \"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}");
        string[] call = ["tokenize", "--model", model, "--text", "a𠮷b</s>"];

        var plain = InProcess.Run(call).Expect(ExitCode.Done).LastRow;
        var special = InProcess.Run([.. call, "--special", "--add_special", "true", "--json", "-"]).Expect(ExitCode.Done).LastRow;

        int[][] Offsets(JsonElement row, string key) => row.GetProperty(key).Deserialize<int[][]>()!;
        Assert.Equal([0, 1], Offsets(plain, "offsets")[0]);
        Assert.Contains([1, 3], Offsets(plain, "offsets"));
        Assert.Contains([1, 2], Offsets(plain, "offsets_codepoints"));
        Assert.Equal(8, Offsets(plain, "offsets")[^1][1]);
        Assert.Equal(7, Offsets(plain, "offsets_codepoints")[^1][1]);
        Assert.DoesNotContain("</s>", plain.GetProperty("tokens").Deserialize<string[]>()!);
        Assert.Equal("<s>", special.GetProperty("tokens")[0].GetString());
        Assert.Equal("</s>", special.GetProperty("tokens").Deserialize<string[]>()![^1]);
    }

    [Theory]
    [InlineData("score")]
    [InlineData("info")]
    [InlineData("generate")]
    public void A_damaged_model_is_named_by_every_verb(string verb)
    {
        using var folder = new TemporaryFolder();
        var model = folder.Copy(Base, "model");
        var weights = Path.Combine(model, "model.safetensors");
        File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..^4]);
        string[] words = verb switch
        {
            "info" => [verb, model],
            "generate" => [verb, "--model", model, "--prompt_ids", "1"],
            _ => [verb, "--model", model, "--data", folder.Add("row.jsonl", Row)],
        };

        var told = InProcess.Run(words).Expect(ExitCode.WrongCall);

        Assert.Contains(weights, told.Error, StringComparison.Ordinal);
    }

    [GoldenFact("golden/models/bert-seqcls")]
    public void Info_tells_of_an_encoder_and_a_verb_for_decoders_refuses_it()
    {
        var folder = Golden.Locate("models/bert-seqcls/hf");

        var info = InProcess.Run("info", folder, "--rows", "16", "--row_tokens", "24", "--json", "-").Expect(ExitCode.Done).LastRow;
        var told = InProcess.Run("generate", "--model", folder, "--prompt_ids", "1");

        Assert.Equal("BertForSequenceClassification", info.GetProperty("architecture").GetString());
        Assert.Equal(14, info.GetProperty("labels").GetArrayLength());
        var config = EncoderConfig.Read(folder) with { StorageType = DType.Float32 };
        Assert.Equal(
            EncoderMemory.TrainingBytes(config, new MemoryWork { Rows = 16, RowTokens = 24, IsCheckpointed = TrainsCheckpointed(folder) }),
            info.GetProperty("memory").GetProperty("full_bytes").GetInt64());
        Assert.NotEqual(ExitCode.Done, told.ExitCode);
        Assert.Contains("this kind of model is not supported", told.Error, StringComparison.Ordinal);
        Assert.Contains("found 'bert' with ", told.Error, StringComparison.Ordinal);
        Assert.Contains("It is an encoder", told.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden_act", told.Error, StringComparison.Ordinal);
    }

    private static bool TrainsCheckpointed(string folder)
    {
        var arguments = new TrainArguments { Method = Methods.RBert, ModelNameOrPath = folder };
        return TrainingDefaults.Of(arguments).Fill(arguments).GradientCheckpointing!.Value;
    }

    [GoldenFact("golden/peft/lora_r8_all_linear")]
    public void Info_tells_shape_files_adapter_and_memory()
    {
        using var folder = new TemporaryFolder();
        var file = folder["info.json"];

        var shown = InProcess.Run(
            "info", Golden.Locate("peft/lora_r8_all_linear/adapter"), "--base_model", Base, "--json", file).Expect(ExitCode.Done);

        var info = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(file));
        Assert.Equal("llama", info.GetProperty("family").GetString());
        Assert.Equal((158016, 2, 4, 512), (Number("parameters"), Number("layers"), Number("heads"), Number("vocabulary")));
        Assert.Equal("fp32", info.GetProperty("dtype").GetString());
        Assert.Equal(8, info.GetProperty("adapter").GetProperty("r").GetInt32());
        Assert.Contains(info.GetProperty("files").EnumerateArray(), item => item.GetProperty("name").GetString() == "adapter_model.safetensors");
        Assert.Equal(JsonValueKind.Null, info.GetProperty("tokenizer").ValueKind);
        Assert.All(["full", "lora", "qlora", "serve"], kind =>
        {
            Assert.True(info.GetProperty("memory").GetProperty($"{kind}_bytes").GetInt64() > 0);
            Assert.True(info.GetProperty("fits").GetProperty(kind).GetBoolean());
        });
        Assert.Contains("LoRA, rank 8", shown.Output, StringComparison.Ordinal);

        int Number(string key) => info.GetProperty(key).GetInt32();
    }

    [Fact]
    public void A_device_that_is_not_there_is_refused()
    {
        using var folder = new TemporaryFolder();

        var told = InProcess.Run("score", "--model", Base, "--data", folder.Add("row.jsonl", Row), "--device", "cuda:99").Expect(ExitCode.WrongCall);

        Assert.Contains("--device: there is no such GPU", told.Error, StringComparison.Ordinal);
    }
}
