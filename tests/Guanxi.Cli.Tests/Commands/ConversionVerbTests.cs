using System.Text.Json;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary>The verbs that write a model in another form: merge, quantize, export.</summary>
[Collection(SharedProcess.Name)]
public sealed class ConversionVerbTests(TrainedModelFixture trained)
{
    // Sums of a few hundred products in another order.
    private const double Fp32Tolerance = 1e-3;

    private const string Tokenizer = "golden/tokenizers/nano-spm";
    private static readonly string[] s_sentence = ["--text", "曹操带着曹植登上铜雀台", "--people1", "曹操", "--people2", "曹植"];

    [GoldenFact(Tokenizer)]
    public void A_merged_model_answers_as_the_adapter_on_its_base()
    {
        using var folder = new TemporaryFolder();
        var merged = folder["merged"];

        var check = ChildProgram.Run(
            "merge", "--model_name_or_path", trained.Base, "--adapter_name_or_path", trained.Model, "--save_path", merged, "--save_dtype", "fp32",
            "--verify", trained.Rows, "--json", "-").Expect(ExitCode.Done).LastRow;

        Assert.InRange(check.GetProperty("max_abs_logit_difference").GetDouble(), 0, Fp32Tolerance);
        Assert.Equal(0, check.GetProperty("labels_changed").GetInt32());
        Assert.Equal(File.ReadLines(trained.Rows).Count() - 1, check.GetProperty("rows").GetInt32());
        Assert.Equal(Prediction(trained.Model), Prediction(merged), Fp32Tolerance);
    }

    [GoldenFact("golden/peft/lora_r8_all_linear")]
    public void Rows_that_are_ids_verify_a_merge_too()
    {
        using var folder = new TemporaryFolder();
        var rows = folder.Add("rows.jsonl", ["{\"input_ids\": [1, 5, 9, 2], \"labels\": [-100, -100, 9, 2]}", "{\"input_ids\": [7, 8], \"labels\": [7, 8]}"]);

        var check = InProcess.Run(
            "merge", "--model_name_or_path", Golden.Locate("peft/base"), "--adapter_name_or_path", Golden.Locate("peft/lora_r8_all_linear/adapter"),
            "--save_path", folder["merged"], "--verify", rows, "--json", "-").Expect(ExitCode.Done).LastRow;

        Assert.Equal(2, check.GetProperty("rows").GetInt32());
        Assert.InRange(check.GetProperty("max_abs_logit_difference").GetDouble(), 0, Fp32Tolerance);
        Assert.Equal(0, check.GetProperty("labels_changed").GetInt32());
    }

    [GoldenFact(Tokenizer)]
    public void A_model_goes_to_a_gguf_file_and_back()
    {
        using var folder = new TemporaryFolder();
        var (file, back) = (folder["base.gguf"], folder["back"]);

        ChildProgram.Run("export", "--model", trained.Base, "--format", "gguf", "--type", "f32", "--save_path", file).Expect(ExitCode.Done);
        InProcess.Run("export", "--model", file, "--format", "hf", "--type", "f32", "--save_path", back).Expect(ExitCode.Done);

        Assert.Equal("f32", InProcess.Run("export", "--model", file, "--type", "f32", "--save_path", folder["again.gguf"], "--json", "-").LastRow.GetProperty("type").GetString());
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(folder["again.gguf"]));
        Assert.All([file, back], path =>
        {
            Assert.Equal(Tokens(trained.Base), Tokens(path));
            Assert.Equal(Score(trained.Base), Score(path), Fp32Tolerance);
        });
        Assert.Equal(1000, InProcess.Run("info", file, "--json", "-").Expect(ExitCode.Done).LastRow.GetProperty("vocabulary").GetInt32());
    }

    [GoldenFact(Tokenizer)]
    public void An_adapter_trains_and_answers_on_a_gguf_file()
    {
        using var folder = new TemporaryFolder();
        var (file, model) = (folder["base.gguf"], folder["model"]);
        ChildProgram.Run("export", "--model", trained.Base, "--type", "q8_0", "--save_path", file).Expect(ExitCode.Done);

        ChildProgram.Run("train", "--model_name_or_path", file, "--train_file", trained.Rows, "--output_dir", model, "--max_steps", "2", "--lora_rank", "4",
            "--prompt_template", "{text}{people1}和{people2}：", "--max_seq_length", "400").Expect(ExitCode.Done);

        Assert.InRange(Prediction(model), 0, 1);
    }

    [GoldenFact("golden/models/llama")]
    public void A_byte_level_vocabulary_goes_to_a_gguf_file_and_back()
    {
        using var folder = new TemporaryFolder();
        var (model, file, back) = (Golden.Locate("models/llama/hf"), folder["m.gguf"], folder["back"]);

        InProcess.Run("export", "--model", model, "--type", "f32", "--save_path", file).Expect(ExitCode.Done);
        InProcess.Run("export", "--model", file, "--format", "hf", "--type", "f32", "--save_path", back).Expect(ExitCode.Done);

        Assert.All([file, back], path => Assert.Equal(Tokens(model), Tokens(path)));
    }

    [GoldenFact(Tokenizer)]
    public void A_quantised_copy_answers_nearly_the_same_and_is_not_quantised_again()
    {
        using var folder = new TemporaryFolder();
        var (copy, small) = (folder["nf4"], folder["int8"]);

        ChildProgram.Run("quantize", "--model", trained.Base, "--save_path", copy).Expect(ExitCode.Done);
        InProcess.Run("quantize", "--model", trained.Base, "--save_path", small, "--bits", "8").Expect(ExitCode.Done);
        var again = InProcess.Run("quantize", "--model", copy, "--save_path", folder["twice"]).Expect(ExitCode.WrongCall);
        var adapter = InProcess.Run("quantize", "--model", trained.Model, "--save_path", folder["adapter"]).Expect(ExitCode.WrongCall);

        Assert.Equal("nf4", InProcess.Run("info", copy, "--json", "-").LastRow.GetProperty("quantization").GetString());
        Assert.Equal(Score(trained.Base), Score(copy), 0.3);
        Assert.Equal(Score(trained.Base), Score(small), 0.03);
        Assert.Contains("quantised already", again.Error, StringComparison.Ordinal);
        Assert.Contains("Merge it into its base first", adapter.Error, StringComparison.Ordinal);
    }

    [GoldenFact(Tokenizer)]
    public void An_adapter_merges_into_a_4_bit_copy_of_its_base()
    {
        using var folder = new TemporaryFolder();
        var (whole, copy, model) = (Path.Combine(Golden.RepositoryRoot, "assets", "base-zh"), folder["nf4"], folder["model"]);
        InProcess.Run("quantize", "--model", whole, "--save_path", copy).Expect(ExitCode.Done);
        ChildProgram.Run("train", "--model_name_or_path", whole, "--train_file", trained.Rows, "--output_dir", model, "--max_steps", "2", "--lora_rank", "4").Expect(ExitCode.Done);

        var check = InProcess.Run(
            "merge", "--model_name_or_path", copy, "--adapter_name_or_path", model, "--save_path", folder["merged"], "--save_dtype", "fp32",
            "--verify", trained.Rows, "--json", "-").Expect(ExitCode.Done).LastRow;

        Assert.InRange(check.GetProperty("max_abs_logit_difference").GetDouble(), 0, Fp32Tolerance);
        Assert.Equal(0, check.GetProperty("labels_changed").GetInt32());
    }

    [GoldenFact(Tokenizer)]
    public void Nothing_is_written_over()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["taken"]);
        var taken = folder.Add("taken/file.txt", "mine");

        var told = InProcess.Run("quantize", "--model", trained.Base, "--save_path", Path.GetDirectoryName(taken)!).Expect(ExitCode.WrongCall);
        var full = InProcess.Run("merge", "--adapter_name_or_path", trained.Base, "--save_path", folder["merged"]).Expect(ExitCode.WrongCall);

        Assert.Contains("the place is not free", told.Error, StringComparison.Ordinal);
        Assert.Equal("mine\n", File.ReadAllText(taken));
        Assert.Contains("there is nothing to merge", full.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["merged"]));
    }

    [GoldenFact(Tokenizer)]
    public void A_place_that_cannot_be_written_fails_the_job()
    {
        var folder = ChildProgram.Run("quantize", "--model", trained.Base, "--save_path", "/proc/copy").Expect(ExitCode.Failed);
        var file = ChildProgram.Run("export", "--model", trained.Base, "--save_path", "/proc/copy.gguf").Expect(ExitCode.Failed);

        Assert.Contains("/proc/copy: cannot be written", folder.Error, StringComparison.Ordinal);
        Assert.Contains("/proc/copy.gguf: cannot be written", file.Error, StringComparison.Ordinal);
    }

    [GoldenFact(Tokenizer)]
    public void A_signal_ends_a_merge_while_it_reads_and_writes()
    {
        using var folder = new TemporaryFolder();
        folder.CopyHeld(trained.Base, "base", "model.safetensors");
        using var child = ChildProgram.Start(
            "", [], "merge", "--model_name_or_path", folder["base"], "--adapter_name_or_path", trained.Model, "--save_path", folder["merged"]);
        child.WaitForErrorLine("computing in");

        child.SendInterrupt();

        child.WaitForEnd().Expect(ExitCode.Stopped);
        Assert.False(Directory.Exists(folder["merged"]));
    }

    private static double Prediction(string model)
    {
        var row = InProcess.Run(["predict", "--model", model, "--dtype", "fp32", .. s_sentence]).Expect(ExitCode.Done).LastRow;
        return row.GetProperty("probabilities").EnumerateObject().First().Value.GetDouble();
    }

    private static double Score(string model)
    {
        using var folder = new TemporaryFolder();
        var row = folder.Add("row.jsonl", "{\"context_ids\": [1, 300, 301], \"continuation_ids\": [400]}");
        return InProcess.Run("score", "--model", model, "--data", row, "--dtype", "fp32").Expect(ExitCode.Done).LastRow.GetProperty("logprob").GetDouble();
    }

    private static string Tokens(string model) => InProcess.Run(
        "tokenize", "--model", model, "--text", "曹操 and  曹植 2024年! it's", "--add_special", "true").Expect(ExitCode.Done).LastRow.GetProperty("ids").GetRawText();
}
