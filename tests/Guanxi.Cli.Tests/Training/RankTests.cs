using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Training;

/// <summary>Several processes that train one model.</summary>
[Collection(Programs.Name)]
public sealed class RankTests
{
    // Only the order of summation differs: the golden's own tolerances.
    private const double LossTolerance = 2e-5;

    private const string Full = "full";

    [GoldenFact("golden/training/lora_linear_ddp2")]
    public void Two_processes_do_what_two_of_the_reference_did()
    {
        using var folder = new RankFolder();
        var golden = Golden.Json("training/lora_linear_ddp2/case.json");

        var done = ChildProgram.Run(folder.Call(
            "run", "--train_mode", "lora", "--adapter_name_or_path", folder.InitialAdapter(), "--per_device_train_batch_size", "2",
            "--gradient_accumulation_steps", "2", "--num_train_epochs", "3", "--learning_rate", "0.005", "--lr_scheduler_type", "linear", "--max_grad_norm", "1",
            "--nproc_per_node", "2")).Expect(ExitCode.Done);

        Assert.Contains("2 ranks, 2 of them on this machine, threads of each: 1\n", done.Error, StringComparison.Ordinal);
        var expected = golden.GetProperty("trainer_log_rank0").EnumerateArray().ToArray();
        var log = folder.Log("run");
        Assert.Equal(expected.Length, log.Length);
        foreach (var (step, found) in expected.Zip(log))
        {
            Assert.Equal(step.GetProperty("loss").GetDouble(), found.GetProperty("loss").GetDouble(), LossTolerance);
            Assert.Equal(step.GetProperty("learning_rate").GetDouble(), found.GetProperty("learning_rate").GetDouble(), 1e-12);
            var norm = step.GetProperty("grad_norm").GetDouble();
            Assert.Equal(norm, found.GetProperty("grad_norm").GetDouble(), norm * LossTolerance);
            Assert.Equal(8, found.GetProperty("examples").GetInt32());
        }

        AssertNear(Golden.Locate("training/lora_linear_ddp2/final.safetensors"), folder["run/adapter_model.safetensors"]);
    }

    [GoldenFact("golden/training/base")]
    public void Four_processes_two_and_one_go_on_from_each_others_checkpoints()
    {
        // Eight rows a step, dealt out in the same micro-batches of one row: dropout draws the same as well.
        using var folder = new RankFolder();
        string[] Shared(string run, int ranks) => folder.Call(
            run, "--train_mode", Full, "--per_device_train_batch_size", "1", "--gradient_accumulation_steps", $"{8 / ranks}", "--max_steps", "6", "--save_steps", "3",
            "--learning_rate", "0.003", "--weight_decay", "0.01", "--nproc_per_node", $"{ranks}");
        ChildProgram.Run(Shared("one", 1)).Expect(ExitCode.Done);
        ChildProgram.Run(Shared("four", 4)).Expect(ExitCode.Done);
        AssertSameRun(folder, "four", "one");

        folder.CopyCheckpoint("four/checkpoint-3", "four-one/checkpoint-3");
        File.Copy(folder["four/train_log.jsonl"], folder["four-one/train_log.jsonl"]);
        ChildProgram.Run([.. Shared("four-one", 1), "--resume_from_checkpoint", "true"]).Expect(ExitCode.Done);
        AssertSameRun(folder, "four-one", "one");

        folder.CopyCheckpoint("one/checkpoint-3", "one-two/checkpoint-3");
        File.Copy(folder["one/train_log.jsonl"], folder["one-two/train_log.jsonl"]);
        var told = ChildProgram.Run([.. Shared("one-two", 2), "--resume_from_checkpoint", "true"]).Expect(ExitCode.Done);
        Assert.Contains("checkpoint-3", told.Error, StringComparison.Ordinal);
        AssertSameRun(folder, "one-two", "one");
    }

    [GoldenFact("golden/training/base")]
    public void Ranks_stopped_by_a_signal_save_once_and_go_on_to_the_same_bytes()
    {
        using var folder = new RankFolder();
        string[] Run(string run, params string[] more) => folder.Call(
            run, ["--train_mode", Full, "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "1", "--max_steps", "40", "--logging_steps", "1",
            "--nproc_per_node", "2", .. more]);
        ChildProgram.Run(Run("whole")).Expect(ExitCode.Done);

        var stopped = ChildProgram.Stopped(run =>
            ChildProgram.TryStop(Run(run), "step 2/", ChildProgram.TerminateSignal, "--nproc_per_node 2 --resume_from_checkpoint true"));

        Assert.Single(Directory.GetDirectories(folder[stopped], "checkpoint-*"));
        ChildProgram.Run(Run(stopped, "--resume_from_checkpoint", "true")).Expect(ExitCode.Done);
        Assert.Equal(folder.Bytes("whole/model.safetensors"), folder.Bytes($"{stopped}/model.safetensors"));
        Assert.Equal(folder.Losses("whole"), folder.Losses(stopped));
    }

    [GoldenTheory("golden/training/base")]
    [InlineData(ChildProgram.KillSignal, 1, "was lost: its connection ended")]
    [InlineData(ChildProgram.StopSignal, 1, "has given no sign of life for 3 s")]
    [InlineData(ChildProgram.KillSignal, 0, "was lost: its connection ended")]
    [InlineData(ChildProgram.StopSignal, 0, "has given no sign of life for 3 s")]
    public void A_rank_that_is_killed_or_hangs_ends_the_others_by_its_name(int signal, int victim, string reason)
    {
        using var folder = new RankFolder();
        var ranks = RankFolder.Start(3, _ => Endless(folder, "--save_steps", "5"));
        try
        {
            ranks[0].WaitForErrorLine("step 6/");
            ranks[victim].Send(signal);
            foreach (var rank in ranks.Where((_, i) => i != victim))
            {
                var told = rank.WaitForEnd().Expect(ExitCode.Failed);
                Assert.Contains($"guanxi train: rank {victim} (", told.Error, StringComparison.Ordinal);
                Assert.Contains(reason, told.Error, StringComparison.Ordinal);
            }
        }
        finally
        {
            Array.ForEach(ranks, rank => rank.Dispose());
        }
    }

    [GoldenFact("golden/training/base")]
    public void The_launcher_names_the_rank_that_was_killed_and_ends_all()
    {
        using var folder = new RankFolder();
        using var child = ChildProgram.Start("", [], [.. Endless(folder), "--nproc_per_node", "2"]);
        child.WaitForErrorLine("step 2/");
        var ranks = child.Children();
        Assert.Equal(2, ranks.Count);

        ChildProgram.Send(ranks[1], ChildProgram.KillSignal);

        var told = child.WaitForEnd().Expect(ExitCode.Failed);
        Assert.Contains("guanxi train: rank 1: it was ended by signal 9", told.Error, StringComparison.Ordinal);
        Assert.All(ranks, rank => Assert.False(Directory.Exists($"/proc/{rank}/fd") && File.ReadAllText($"/proc/{rank}/stat").Contains("dotnet) S", StringComparison.Ordinal)));
    }

    [GoldenFact("golden/training/base")]
    public void Ranks_with_other_arguments_or_rows_do_not_begin()
    {
        using var folder = new RankFolder();
        File.WriteAllLines(folder["fewer.jsonl"], File.ReadLines(folder["rows.jsonl"]).Skip(1));
        var ranks = RankFolder.Start(2, rank => rank == 0 ? Endless(folder) : [.. Endless(folder), "--weight_decay", "0.5", "--train_file", folder["fewer.jsonl"]]);
        try
        {
            foreach (var rank in ranks)
            {
                var told = rank.WaitForEnd().Expect(ExitCode.WrongCall);
                Assert.Contains("rank 1: the arguments differ from those of rank 0", told.Error, StringComparison.Ordinal);
                Assert.Contains("rank 1: the rows differ from those of rank 0", told.Error, StringComparison.Ordinal);
                Assert.DoesNotContain("base model", told.Error, StringComparison.Ordinal);
            }
        }
        finally
        {
            Array.ForEach(ranks, rank => rank.Dispose());
        }
    }

    [GoldenFact("golden/training/base")]
    public void A_rank_that_cannot_begin_tells_the_others_why()
    {
        using var folder = new RankFolder();
        File.WriteAllText(folder["damaged.jsonl"], "{\"input_ids\": [1, 600], \"labels\": [-100, 600]}\n");
        var ranks = RankFolder.Start(2, rank => rank == 0 ? Endless(folder) : [.. Endless(folder), "--train_file", folder["damaged.jsonl"]]);
        try
        {
            Assert.Contains("an id is outside the model's vocabulary", ranks[1].WaitForEnd().Expect(ExitCode.WrongCall).Error, StringComparison.Ordinal);
            var told = ranks[0].WaitForEnd().Expect(ExitCode.Failed);
            Assert.Matches(@"guanxi train: rank 1 \(.*\) failed: training row 1: an id is outside the model's vocabulary", told.Error);
        }
        finally
        {
            Array.ForEach(ranks, rank => rank.Dispose());
        }
    }

    private static string[] Endless(RankFolder folder, params string[] more) => folder.Call(
        "run", ["--train_mode", Full, "--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "1", "--max_steps", "1000000", "--logging_steps", "1",
        "--rank_timeout", "3", .. more]);

    private static void AssertSameRun(RankFolder folder, string run, string expected)
    {
        foreach (var (one, other) in folder.Losses(expected).Zip(folder.Losses(run), (one, other) => (one, other)))
        {
            Assert.Equal(one, other, LossTolerance);
        }

        Assert.Equal(folder.Losses(expected).Length, folder.Losses(run).Length);
        AssertNear(folder[$"{expected}/model.safetensors"], folder[$"{run}/model.safetensors"]);
    }

    /// <summary>The golden's tolerances: AdamW moves an entry without a real gradient by rounding alone, so the median is the sharp one.</summary>
    private static void AssertNear(string expected, string actual)
    {
        var differences = RankFolder.Differences(expected, actual);
        Assert.True(differences[differences.Length / 2] <= 2e-7, $"median {differences[differences.Length / 2]}");
        Assert.True(differences[^1] <= 2e-4, $"maximum {differences[^1]}");
    }
}
