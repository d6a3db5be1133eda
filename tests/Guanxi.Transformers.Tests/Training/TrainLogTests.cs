using System.Text.Json;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

public sealed class TrainLogTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-log").FullName;

    private string FilePath => Path.Combine(_folder, "train_log.jsonl");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Lines_have_the_agreed_keys_in_order_and_numbers_with_all_digits()
    {
        using (var log = TrainLog.Create(FilePath))
        {
            log.Write(new TrainStep(1, 1 / 3.0, 6.816892623901367, 2e-5, 0.1, 1040, 8, 1.5, 693.3333333333334, 5_000_000_000));
            log.Write(new EvalStep(1, [new("loss", 1e30), new("weighted_f1", 0.1 + 0.2), new("accuracy", 1)]));
        }

        Assert.Equal(
            "{\"step\":1,\"epoch\":0.3333333333333333,\"loss\":6.816892623901367,\"learning_rate\":2E-05,\"grad_norm\":0.1,\"tokens\":1040,"
            + "\"examples\":8,\"seconds\":1.5,\"tokens_per_second\":693.3333333333334,\"rss_bytes\":5000000000}\n"
            + "{\"step\":1,\"eval_loss\":1E+30,\"eval_weighted_f1\":0.30000000000000004,\"eval_accuracy\":1}\n",
            File.ReadAllText(FilePath));
    }

    [Fact]
    public void What_is_no_number_is_null()
    {
        using (var log = TrainLog.Create(FilePath))
        {
            log.Write(Step(1) with { Loss = double.NaN, GradNorm = double.PositiveInfinity });
            log.Write(new EvalStep(1, [new("loss", double.NegativeInfinity)]));
        }

        var lines = File.ReadAllLines(FilePath).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(JsonValueKind.Null, lines[0].GetProperty("loss").ValueKind);
        Assert.Equal(JsonValueKind.Null, lines[0].GetProperty("grad_norm").ValueKind);
        Assert.Equal(JsonValueKind.Null, lines[1].GetProperty("eval_loss").ValueKind);
    }

    [Fact]
    public void A_line_is_in_the_file_before_the_log_is_closed()
    {
        using var log = TrainLog.Create(FilePath);
        log.Write(Step(1));
        using var reader = new StreamReader(new FileStream(FilePath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        Assert.EndsWith("}\n", reader.ReadToEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(100)]
    public void A_resumed_log_equals_one_that_was_never_interrupted(long lastStep)
    {
        using (var log = TrainLog.Create(FilePath))
        {
            WriteSteps(log, 1, 7);
        }

        var whole = File.ReadAllBytes(FilePath);
        using (var log = TrainLog.Resume(FilePath, lastStep))
        {
            WriteSteps(log, lastStep + 1, 7);
        }

        Assert.Equal(whole, File.ReadAllBytes(FilePath));
    }

    [Fact]
    public void A_half_written_last_line_is_dropped_wherever_it_was_cut()
    {
        using (var log = TrainLog.Create(FilePath))
        {
            WriteSteps(log, 1, 4);
        }

        var whole = File.ReadAllBytes(FilePath);
        var threeSteps = whole.AsSpan(0, whole.Length - 1).LastIndexOf((byte)'\n') + 1;
        for (var length = threeSteps; length < whole.Length; length += 17)
        {
            File.WriteAllBytes(FilePath, whole[..length]);
            using (var log = TrainLog.Resume(FilePath, 3))
            {
                log.Write(Step(4));
            }

            Assert.Equal(whole, File.ReadAllBytes(FilePath));
        }
    }

    [Fact]
    public void A_long_log_is_cut_at_the_right_line()
    {
        // More than one block of the reader.
        using (var log = TrainLog.Create(FilePath))
        {
            WriteSteps(log, 1, 1200);
        }

        using (TrainLog.Resume(FilePath, 777))
        {
        }

        var last = JsonDocument.Parse(File.ReadLines(FilePath).Last()).RootElement;
        Assert.Equal(777, last.GetProperty("step").GetInt64());
        Assert.Equal(777 + (777 / 3), File.ReadLines(FilePath).Count());
    }

    [Theory]
    [InlineData("no json\n")]
    [InlineData("[1]\n")]
    [InlineData("{\"step\":\"1\"}\n")]
    public void A_damaged_line_before_the_last_is_refused_and_nothing_is_lost(string damaged)
    {
        File.WriteAllText(FilePath, "{\"step\":1}\n" + damaged + "{\"step\":2}\n");
        var before = File.ReadAllBytes(FilePath);
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => TrainLog.Resume(FilePath, 2)).Problems);
        Assert.Equal($"{FilePath}, line 2", problem.Where);
        Assert.Equal(before, File.ReadAllBytes(FilePath));
    }

    [Fact]
    public void A_log_that_is_not_there_is_begun_and_one_that_cannot_be_is_reported()
    {
        using (var log = TrainLog.Resume(FilePath, 5))
        {
            log.Write(Step(6));
        }

        Assert.Single(File.ReadAllLines(FilePath));
        var missing = Path.Combine(_folder, "none", "train_log.jsonl");
        Assert.Contains(missing, Assert.Throws<CheckpointException>(() => TrainLog.Create(missing)).Message, StringComparison.Ordinal);
    }

    private static void WriteSteps(TrainLog log, long first, long last)
    {
        for (var step = first; step <= last; step++)
        {
            log.Write(Step(step));
            if (step % 3 == 0)
            {
                log.Write(new EvalStep(step, [new("loss", step / 10.0)]));
            }
        }
    }

    private static TrainStep Step(long step) => new(step, step / 10.0, 1.0 / step, 1e-4, 0.5, 100 * step, 8, 0.25, 400, 1 << 30);
}
