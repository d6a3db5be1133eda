using Guanxi.Cli.Inspection;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Cli.Tests.Inspection;

/// <summary>Reading what a run wrote while it went.</summary>
public sealed class RunLogTests
{
    [Fact]
    public void Losses_and_evaluations_are_told_apart_and_a_half_written_end_is_left_out()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Add("train_log.jsonl",
            "{\"step\":1,\"loss\":2.5,\"seconds\":3}", "{\"step\":1,\"eval_loss\":2.25,\"eval_weighted_f1\":0.5}",
            "{\"step\":2,\"loss\":null,\"seconds\":4}", "{\"step\":2,\"eval_loss\":2.75,\"eval_weighted_f1\":0.75}");
        File.AppendAllText(path, "{\"step\":3,\"lo");

        var log = RunLog.Read(path);

        Assert.Equal([new LogPoint(1, 2.5)], log.Losses);
        Assert.Equal(7, log.Seconds);
        Assert.Equal(("eval_weighted_f1", new LogPoint(2, 0.75)), log.Best());
    }

    [Fact]
    public void Without_scores_the_lowest_loss_of_an_evaluation_is_best()
    {
        using var folder = new TemporaryFolder();

        Assert.Equal(
            ("eval_loss", new LogPoint(1, 2.25)),
            RunLog.Read(folder.Add("a", "{\"step\":1,\"eval_loss\":2.25}", "{\"step\":2,\"eval_loss\":2.75}")).Best());
        Assert.Null(RunLog.Read(folder.Add("b", "{\"step\":1,\"loss\":2}")).Best());
    }

    [Fact]
    public void A_damaged_line_is_named()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Add("train_log.jsonl", "{\"step\":1,\"loss\":2}", "[]", "{\"step\":3,\"loss\":1}");

        var error = Assert.Throws<CheckpointException>(() => RunLog.Read(path));

        Assert.Contains("line 2", error.Message, StringComparison.Ordinal);
    }
}
