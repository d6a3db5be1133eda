using Guanxi.Cli.Selfcheck;
using Guanxi.TestKit;
using Guanxi.Torch;
using Xunit;

namespace Guanxi.Cli.Tests;

/// <summary>What holds for all verbs: help, version, errors in the call, streams.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public void Alone_it_shows_what_to_do_next_and_every_verb()
    {
        var shown = ChildProgram.Run().Expect(ExitCode.Done);

        Assert.Contains("./guanxi train --model_name_or_path assets/base-zh --train_file examples/people/train.tsv", shown.Output, StringComparison.Ordinal);
        Assert.All(CommandLine.Verbs, verb => Assert.Contains($"\n  {verb.Name} ", shown.Output, StringComparison.Ordinal));
        Assert.Equal("", shown.Error);
        Assert.NotEqual([0xEF, 0xBB, 0xBF], shown.Bytes[..3]);
    }

    [Fact]
    public void The_version_names_program_commit_and_libtorch()
    {
        var shown = ChildProgram.Run("--version").Expect(ExitCode.Done);

        Assert.Matches(@"^guanxi \d+\.\d+\.\d+\ncommit \w+\nlibtorch \d+\.\d+[^\n]*\n$", shown.Output);
    }

    [Fact]
    public void A_missing_library_is_told_by_the_version_and_fails_a_job()
    {
        var elsewhere = new Dictionary<string, string> { ["GUANXI_NATIVE"] = "/nowhere/libguanxi_torch.so" };

        Assert.Contains("libtorch cannot be loaded", ChildProgram.RunWith("", elsewhere, "--version").Expect(ExitCode.Done).Output, StringComparison.Ordinal);
        Assert.Contains("/nowhere/libguanxi_torch.so", ChildProgram.RunWith("", elsewhere, "selfcheck").Expect(ExitCode.Failed).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_installation_checks_itself()
    {
        var shown = ChildProgram.Run("selfcheck").Expect(ExitCode.Done);

        Assert.Equal(Checks.All.Select(check => check.Name), shown.Lines.Skip(1).Select(line => line["ok".Length..line.IndexOf(':', StringComparison.Ordinal)].Trim()));
        Assert.All(["gradients are right", "9 steps of LoRA", "nothing of the checks is left"], part => Assert.Contains(part, shown.Output, StringComparison.Ordinal));
    }

    [Fact]
    public void A_check_that_fails_is_told_with_its_reason_and_the_others_are_made()
    {
        using var output = new StringWriter();

        var problems = Checks.Run([new("first", () => throw new TorchException("no library")), new("second", () => "as it should be")], output);

        Assert.Equal("FAILED  first\nok      second: as it should be\n", output.ToString());
        Assert.Equal(["first: no library"], problems.Select(problem => problem.ToString()));
    }

    [Theory]
    [InlineData("unknown verb. Did you mean train?", "trian")]
    [InlineData("unknown verb. Did you mean train?", "trian", "--help")]
    [InlineData("stat: unexpected word. Did you mean stats?", "data", "stat", "--help")]
    [InlineData("--modle: unknown option. Did you mean --model?", "tokenize", "--modle", "x")]
    [InlineData("stat: unexpected word. Did you mean stats?", "data", "stat")]
    [InlineData("--sede=3: unknown option. Did you mean --seed?", "data", "split", "--to", "runs/x", "examples/people/train.tsv", "--sede=3")]
    [InlineData("--model_nam_or_path: unknown key 'model_nam_or_path'. Did you mean model_name_or_path?", "train", "--model_nam_or_path", "x")]
    [InlineData("--train_arg_file: unknown key 'train_arg_file'. Did you mean train_args_file?", "train", "--train_arg_file", "x.json")]
    [InlineData("--nproc_pr_node: unknown key 'nproc_pr_node'. Did you mean nproc_per_node?", "train", "--nproc_pr_node", "2")]
    [InlineData("--colour: unknown key 'colour'. guanxi train --help lists the keys.", "train", "--colour", "red")]
    [InlineData("method: unknown value; expected llm | r-bert | bert-cls | bert-bigru-att | tfidf; found rbert. Did you mean r-bert?", "train", "--method", "rbert")]
    [InlineData("there is no script for this shell; expected bash or zsh; found bsh. Did you mean bash?", "completion", "bsh")]
    [InlineData("--bogus: unknown option. guanxi score --help", "score", "--bogus")]
    [InlineData("more: unexpected word", "info", ".", "more")]
    [InlineData("--model: the option is missing", "tokenize")]
    [InlineData("--temperature: the value does not fit; expected a number; found 'hot'", "generate", "--temperature", "hot")]
    [InlineData("--max_rows: the value does not fit; expected a whole number from 1; found '0'", "evaluate", "--max_rows", "0")]
    [InlineData("--dtype: the value does not fit; expected auto | fp32 | bf16; found 'fp8'", "predict", "--dtype", "fp8")]
    [InlineData("Required argument missing for option: '--data'", "score", "--data")]
    [InlineData("either --prompt or --prompt_ids; found both", "generate", "--model", ".", "--prompt", "a", "--prompt_ids", "1")]
    [InlineData("--prompt_ids: not a token id", "generate", "--model", ".", "--prompt_ids", "1 x")]
    [InlineData("one of --model, --url and --predictions; found none", "evaluate")]
    [InlineData("--data: the option is missing", "evaluate", "--model", ".")]
    [InlineData("what to predict is not clear", "predict", "--model", ".")]
    [InlineData("--people2: people2 does not occur in the text; found 丙", "predict", "--model", ".", "--text", "甲和乙", "--people1", "甲", "--people2", "丙")]
    [InlineData("--json: the file cannot be written", "info", ".", "--json", "/proc/nowhere/result.json")]
    [InlineData("--json: the file cannot be written", "info", ".", "--json", "/proc/result.json")]
    [InlineData("--report: nothing can be written in the folder", "evaluate", "--predictions", "x", "--report", "/proc")]
    [InlineData("there is nothing to tell about", "info", "/nowhere")]
    [InlineData("this case is not measured; expected train, serve, decode, kernels, peak, startup or all; found 'nothing'", "bench", "nothing")]
    [InlineData("--shape: all measures what it always measures", "bench", "all", "--shape", "7b")]
    [InlineData("--report: only a run of everything makes a page", "bench", "peak", "--report", "page.html")]
    [InlineData("--report: the file cannot be written", "bench", "all", "--report", "/proc/nowhere/page.html")]
    [InlineData("Train it first: ./guanxi train ... --output_dir runs/nothing", "info", "runs/nothing")]
    [InlineData("Download it: ./guanxi download OWNER/NAME --to models/nothing", "info", "models/nothing")]
    public void A_wrong_call_says_what_is_wrong_and_what_to_do(string expected, params string[] words)
    {
        var told = InProcess.Run(words).Expect(ExitCode.WrongCall);

        Assert.Contains(expected, told.Error, StringComparison.Ordinal);
        Assert.Equal("", told.Output);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2000)] // More than the buffer of standard output holds.
    public void An_output_that_cannot_be_written_fails_the_job_in_one_line(int rows)
    {
        using var folder = new TemporaryFolder();
        var data = folder.Add("rows.jsonl", Enumerable.Repeat("{\"text\": \"曹操是曹植的父亲\"}", rows));

        var told = ChildProgram.RunInto("> /dev/full", "tokenize", "--model", "assets/base-zh", "--data", data).Expect(ExitCode.Failed);
        var quiet = ChildProgram.RunInto("| head -n 1", "tokenize", "--model", "assets/base-zh", "--data", data).Expect(ExitCode.Done);

        Assert.Matches("^guanxi tokenize: No space left on device[^\n]*\n$", told.Error);
        Assert.Equal((1, ""), (quiet.Lines.Length, quiet.Error));
    }

    [Fact]
    public void The_folder_of_a_result_is_made_where_it_is_missing()
    {
        using var folder = new TemporaryFolder();

        InProcess.Run("info", Path.Combine(Golden.RepositoryRoot, "assets", "base-zh"), "--json", folder["new/one/info.json"]).Expect(ExitCode.Done);

        Assert.StartsWith("{", File.ReadAllText(folder["new/one/info.json"]), StringComparison.Ordinal);
    }

    [Fact]
    public void All_that_is_wrong_with_a_call_is_told_at_once()
    {
        var told = ChildProgram.Run("generate", "--model", "x", "--top_k", "-1", "--seed", "one", "--tempratur", "1").Expect(ExitCode.WrongCall);

        Assert.StartsWith("guanxi generate: 3 problems\n", told.Error, StringComparison.Ordinal);
        Assert.All(["--top_k", "--seed", "Did you mean --temperature?"], part => Assert.Contains(part, told.Error, StringComparison.Ordinal));
    }

    [Fact]
    public void An_unknown_key_of_an_argument_file_is_told_with_its_file_and_the_nearest_one()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Add("run.json", """{"learning_rat": 1e-4, "train_file": "examples/people/train.tsv"}""");

        var told = InProcess.Run("train", "--train_args_file", file).Expect(ExitCode.WrongCall);

        Assert.Contains($"{file}, learning_rat: unknown key 'learning_rat'. Did you mean learning_rate?", told.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_arguments_is_no_syntax_of_ours()
    {
        // The parsing library would read @name as a file of arguments.
        var told = InProcess.Run("info", "@examples").Expect(ExitCode.WrongCall);

        Assert.Contains("@examples: there is nothing to tell about", told.Error, StringComparison.Ordinal);
    }
}
