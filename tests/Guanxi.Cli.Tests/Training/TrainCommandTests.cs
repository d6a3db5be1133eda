using System.Text.Json;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Training;

/// <summary><c>train</c> as a user runs it: files, resuming, signals, errors.</summary>
[Collection(Programs.Name)]
public sealed class TrainCommandTests
{
    // How a shell, and .NET, show that a signal ended a process.
    private const int SignalExit = 128;

    private static string Base => Golden.Locate("training/base");

    [GoldenFact("golden/training/base")]
    public void A_run_leaves_the_files_of_the_contract_and_resuming_it_changes_nothing()
    {
        using var folder = new TemporaryFolder();
        string[] call = [.. Call(folder, "run"), "--max_steps", "3", "--save_steps", "2", "--json", folder["result.json"]];

        var done = ChildProgram.Run(call).Expect(ExitCode.Done);

        Assert.Contains("step 3/3", done.Error, StringComparison.Ordinal);
        Assert.All(
            ["adapter_config.json", "adapter_model.safetensors", "guanxi.json", "train_args.json", "checkpoint-2/trainer_state.json", "checkpoint-3/trainer_state.json"],
            name => Assert.True(File.Exists(Path.Combine(folder["run"], name)), name));
        Assert.StartsWith("events.out.tfevents.", Path.GetFileName(Assert.Single(Directory.GetFiles(Path.Combine(folder["run"], "runs")))), StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], Log(folder["run"]).Select(line => line.GetProperty("step").GetInt32()));
        Assert.True(Json(folder["result.json"]).GetProperty("finished").GetBoolean());

        var before = Snapshot(folder["run"]);
        ChildProgram.Run([.. call, "--resume_from_checkpoint", "true"]).Expect(ExitCode.Done);
        Assert.Equal(before, Snapshot(folder["run"]));
    }

    [GoldenFact("golden/training/base")]
    public void What_is_told_of_a_run_fits_its_log()
    {
        using var folder = new TemporaryFolder();
        ChildProgram.Run([.. Call(folder, "run"), "--max_steps", "2", "--eval_file", folder["rows.jsonl"], "--eval_strategy", "steps", "--eval_steps", "1"]).Expect(ExitCode.Done);

        var shown = ChildProgram.Run("info", folder["run"], "--json", "-").Expect(ExitCode.Done).LastRow;

        var losses = Log(folder["run"]).Where(line => line.TryGetProperty("loss", out _)).Select(line => line.GetProperty("loss").GetDouble());
        Assert.Equal(losses, shown.GetProperty("curve").EnumerateArray().Select(point => point.GetProperty("loss").GetDouble()));
        Assert.Equal((true, 2), (shown.GetProperty("finished").GetBoolean(), shown.GetProperty("steps").GetInt32()));
        Assert.Equal("eval_loss", shown.GetProperty("best_step").GetProperty("metric").GetString());
        Assert.Equal("lora", shown.GetProperty("configuration").GetProperty("train_mode").GetString());
        Assert.Equal("llama", shown.GetProperty("family").GetString());
    }

    [GoldenFact("golden/training/base")]
    public void A_run_stopped_by_either_signal_saves_and_goes_on_to_the_same_bytes()
    {
        using var folder = new TemporaryFolder();
        string[] options = ["--max_steps", "30", "--lora_dropout", "0.1", "--gradient_accumulation_steps", "2", "--logging_steps", "1", "--threads", "1"];
        ChildProgram.Run([.. Call(folder, "whole"), .. options]).Expect(ExitCode.Done);
        string[] Resuming(string run) => [.. Call(folder, run), .. options, "--resume_from_checkpoint", "true"];

        var stopped = ChildProgram.Stopped(run =>
        {
            if (!Stops([.. Call(folder, run), .. options], ChildProgram.TerminateSignal))
            {
                return false;
            }

            Assert.Single(Directory.GetDirectories(folder[run], "checkpoint-*"));
            Assert.False(File.Exists(Path.Combine(folder[run], "guanxi.json")));
            return Stops(Resuming(run), ChildProgram.InterruptSignal);
        });
        ChildProgram.Run(Resuming(stopped)).Expect(ExitCode.Done);

        Assert.Equal(Weights(folder["whole"]), Weights(folder[stopped]));
        Assert.Equal(Losses(folder["whole"]), Losses(folder[stopped]));

        static bool Stops(string[] call, int signal) => ChildProgram.TryStop(call, "step ", signal, "--resume_from_checkpoint true");
    }

    [GoldenFact("golden/training/base")]
    public void A_second_signal_ends_the_program_at_once()
    {
        using var folder = new TemporaryFolder();
        string[] call = [.. Call(folder, "run"), "--gradient_accumulation_steps", "1000", "--max_steps", "1"];
        File.WriteAllText(folder["rows.jsonl"], string.Concat(Enumerable.Repeat(File.ReadAllText(folder["rows.jsonl"]), 300)));
        using var child = ChildProgram.Start("", [], call);
        child.WaitForErrorLine("steps 1 to 1");

        child.SendTerminate();
        child.WaitForErrorLine("stopping after this step");
        child.SendTerminate();

        Assert.Equal(SignalExit + ChildProgram.TerminateSignal, child.WaitForEnd().ExitCode);
        Assert.Empty(Directory.GetDirectories(folder["run"], "checkpoint-*"));
    }

    [Fact]
    public void Everything_wrong_with_keys_file_and_environment_is_told_at_once()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Add("args.json", "{\"lerning_rate\": 0.1, \"num_train_epochs\": \"many\", \"train_mode\": \"qlora\", \"deepspeed\": \"x\"}");
        string[] call = ["train", "--train_args_file", file, "--lora_rank", "0", "--output_dir", folder["run"], "--nproc_per_node=0"];

        var told = ChildProgram.RunWith("", new() { ["WORLD_SIZE"] = "4", ["RANK"] = "4", ["MASTER_ADDR"] = "127.0.0.1", ["MASTER_PORT"] = "29500" }, call).Expect(ExitCode.WrongCall);

        Assert.StartsWith("deepspeed changes nothing here", told.Error, StringComparison.Ordinal);
        Assert.Contains("guanxi train: 7 problems", told.Error, StringComparison.Ordinal);
        Assert.All(
            ["Did you mean learning_rate?", "num_train_epochs: the value does not fit", "RANK: there is no such rank; expected 0 to 3", "--nproc_per_node", "lora_rank", "model_name_or_path", "train_file"],
            part => Assert.Contains(part, told.Error, StringComparison.Ordinal));
        Assert.False(Directory.Exists(folder["run"]));
    }

    [GoldenFact("golden/training/base")]
    public void Rows_of_ids_that_the_model_cannot_read_are_told_before_the_run()
    {
        using var folder = new TemporaryFolder();
        string[] call = Call(folder, "run");
        folder.Add("rows.jsonl", "{\"input_ids\": [1, 600], \"labels\": [-100, 600]}", $"{{\"input_ids\": [{Many(300)}], \"labels\": [{Many(300)}]}}");

        var told = ChildProgram.Run(call).Expect(ExitCode.WrongCall);

        Assert.Contains("training row 1: an id is outside the model's vocabulary; expected 0 to 511; found 600", told.Error, StringComparison.Ordinal);
        Assert.Contains("training row 2: it is longer than the model's positions; expected at most 256 tokens; found 300", told.Error, StringComparison.Ordinal);
    }

    [GoldenFact("golden/training/base")]
    public void A_folder_that_holds_a_run_is_not_begun_again_by_mistake()
    {
        using var folder = new TemporaryFolder();
        string[] call = [.. Call(folder, "run"), "--max_steps", "1"];
        ChildProgram.Run(call).Expect(ExitCode.Done);

        var told = ChildProgram.Run(call).Expect(ExitCode.WrongCall);

        Assert.Contains("--resume_from_checkpoint true", told.Error, StringComparison.Ordinal);
    }

    [GoldenFact("golden/training/base")]
    public void A_run_that_diverges_fails_and_leaves_no_model()
    {
        using var folder = new TemporaryFolder();

        var told = ChildProgram.Run([.. Call(folder, "run"), "--learning_rate", "1e30", "--max_steps", "9", "--warmup_steps", "0", "--lr_scheduler_type", "constant"])
            .Expect(ExitCode.Failed);

        Assert.Contains("training has diverged", told.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder["run"], "guanxi.json")));
    }

    private static string[] Call(TemporaryFolder folder, string run)
    {
        var rows = Golden.Json("training/rows.json").EnumerateArray().Select(row => row.GetRawText().ReplaceLineEndings(" "));
        return ["train", "--model_name_or_path", Base, "--train_file", folder.Add("rows.jsonl", rows), "--output_dir", folder[run], "--train_mode", "lora", "--lora_rank", "8"];
    }

    private static string Many(int count) => string.Join(',', Enumerable.Repeat(7, count));

    private static JsonElement Json(string path) => JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(path));

    private static IEnumerable<JsonElement> Log(string run) =>
        File.ReadLines(Path.Combine(run, "train_log.jsonl")).Select(line => JsonSerializer.Deserialize<JsonElement>(line));

    private static double[] Losses(string run) => [.. Log(run).Select(line => line.GetProperty("loss").GetDouble())];

    private static byte[] Weights(string run) => File.ReadAllBytes(Path.Combine(run, "adapter_model.safetensors"));

    private static string[] Snapshot(string folder) =>
    [
        .. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order()
            .Select(file => $"{file} {File.GetLastWriteTimeUtc(file):O} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)))}"),
    ];
}
