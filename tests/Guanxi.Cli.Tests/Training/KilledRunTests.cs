using System.Diagnostics;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Training;

/// <summary>A run whose process is killed, again and again, or whose disk is full: nothing is lost, and it ends as if nothing had been.</summary>
[Collection(Programs.Name)]
public sealed class KilledRunTests
{
    private const int StepsPerKill = 12;
    private const int LongestWaitMilliseconds = 120;
    private const int LongestStartMilliseconds = 1500;

    // One kill in four while a checkpoint is being written, one in eight while the program starts and reads the last one.
    private const int SaveEvery = 4;
    private const int StartEvery = 8;

    [GoldenFact("golden/training/base")]
    public void A_run_killed_at_any_moment_ends_with_the_bytes_of_one_that_was_not()
    {
        using var folder = new RankFolder();
        var kills = LongTests.Count(10, 200);
        string[] Run(string run) => folder.Call(
            run, "--train_mode", "lora", "--lora_rank", "8", "--lora_dropout", "0.1", "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "2",
            "--max_steps", $"{kills * StepsPerKill}", "--save_steps", "1", "--save_total_limit", "2", "--logging_steps", "1");
        ChildProgram.Run(Run("whole")).Expect(ExitCode.Done);
        var random = new Random(1);
        var killed = 0;
        for (var i = 0; i < kills; i++)
        {
            using var child = ChildProgram.Start("", [], [.. Run("killed"), "--resume_from_checkpoint", "true"]);
            if (i % StartEvery == StartEvery - 1)
            {
                Thread.Sleep(random.Next(LongestStartMilliseconds));
            }
            else if (!child.TryWaitForErrorLine("step "))
            {
                break;
            }
            else if (i % SaveEvery == 0)
            {
                WaitForSave(folder["killed"]);
            }
            else
            {
                Thread.Sleep(random.Next(LongestWaitMilliseconds));
            }

            killed += child.TryKill() ? 1 : 0;
        }

        ChildProgram.Run([.. Run("killed"), "--resume_from_checkpoint", "true"]).Expect(ExitCode.Done);

        Assert.True(killed > kills / 2, $"{killed} of {kills} were killed before the run was done");
        Assert.Equal(Facts(folder, "whole"), Facts(folder, "killed"));
        var last = $"checkpoint-{kills * StepsPerKill}";
        Assert.All(
            ["adapter_model.safetensors", "adapter_config.json", $"{last}/training_state.safetensors", $"{last}/trainer_state.json", $"{last}/adapter_model.safetensors"],
            file => Assert.Equal(folder.Bytes($"whole/{file}"), folder.Bytes($"killed/{file}")));
        Assert.Equal(2, Directory.GetDirectories(folder["killed"], "checkpoint-*").Length);
        Assert.DoesNotContain(Directory.GetFileSystemEntries(folder["killed"]), path => path.EndsWith(".partial", StringComparison.Ordinal));
    }

    [MountFact("golden/training/base")]
    public void A_full_disk_is_told_and_the_run_goes_on_when_there_is_room()
    {
        using var folder = new RankFolder();
        string[] Run(string run) => folder.Call(run, "--train_mode", "full", "--per_device_train_batch_size", "4", "--max_steps", "6", "--save_steps", "2");
        ChildProgram.Run(Run("whole")).Expect(ExitCode.Done);

        using var disk = new SmallDisk(folder["full"], megabytes: 4);
        var told = ChildProgram.Run(Run("full")).Expect(ExitCode.Failed);
        Assert.Contains("No space left on device", told.Error, StringComparison.Ordinal);
        Assert.Contains("Make room", told.Error, StringComparison.Ordinal);
        Assert.Equal(["checkpoint-2"], Directory.GetDirectories(folder["full"], "*checkpoint-*").Select(path => Path.GetFileName(path)));

        disk.Grow(megabytes: 64);
        ChildProgram.Run([.. Run("full"), "--resume_from_checkpoint", "true"]).Expect(ExitCode.Done);
        Assert.Equal(folder.Bytes("whole/model.safetensors"), folder.Bytes("full/model.safetensors"));
        Assert.Equal(Facts(folder, "whole"), Facts(folder, "full"));
    }

    [GoldenFact("golden/training/base")]
    public void A_row_whose_targets_are_all_masked_is_told_with_its_place()
    {
        using var folder = new RankFolder();
        File.WriteAllText(folder["masked.jsonl"], "{\"input_ids\": [1, 5, 9], \"labels\": [-100, -100, -100]}\n");

        var told = ChildProgram.Run([.. folder.Call("run", "--train_mode", "full"), "--train_file", folder["masked.jsonl"]]).Expect(ExitCode.WrongCall);

        Assert.Contains("masked.jsonl:1:", told.Error, StringComparison.Ordinal);
        Assert.Contains("there is nothing to learn from this row", told.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["run"]));
    }

    /// <summary>What a log says of every step but time and memory.</summary>
    private static string[] Facts(RankFolder folder, string run) => [.. folder.Log(run).Select(line => string.Join(' ', line.EnumerateObject()
        .Where(item => item.Name is not ("seconds" or "tokens_per_second" or "rss_bytes"))))];

    /// <summary>Waits until a checkpoint is being written: its folder is there under the name of an unfinished one.</summary>
    private static void WaitForSave(string run)
    {
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < TimeSpan.FromSeconds(2) && !Directory.EnumerateDirectories(run, ".checkpoint-*").Any())
        {
            Thread.Yield();
        }
    }

    /// <summary>A file system in memory, of few bytes.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private readonly string _path;

        public SmallDisk(string path, int megabytes)
        {
            _path = path;
            Directory.CreateDirectory(path);
            Assert.True(SystemCommand.Succeeds("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "guanxi-test", path));
        }

        public void Grow(int megabytes) => Assert.True(SystemCommand.Succeeds("mount", "-o", $"remount,size={megabytes}m", _path));

        public void Dispose() => Assert.True(SystemCommand.Succeeds("umount", _path));
    }
}
