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
        Assert.Equal(("eval_weighted_f1", new LogPoint(2, 0.75)), log.Best(null, null));
    }

    [Fact]
    public void Without_scores_the_lowest_loss_of_an_evaluation_is_best()
    {
        using var folder = new TemporaryFolder();

        Assert.Equal(
            ("eval_loss", new LogPoint(1, 2.25)),
            RunLog.Read(folder.Add("a", "{\"step\":1,\"eval_loss\":2.25}", "{\"step\":2,\"eval_loss\":2.75}")).Best(null, null));
        Assert.Null(RunLog.Read(folder.Add("b", "{\"step\":1,\"loss\":2}")).Best(null, null));
    }

    [Theory]
    [InlineData("{\"metric_for_best_model\": \"eval_loss\"}", 1)]
    [InlineData("{\"metric_for_best_model\": \"loss\", \"greater_is_better\": true}", 2)]
    [InlineData("{\"metric_for_best_model\": \"accuracy\"}", 3)]
    [InlineData("{\"metric_for_best_model\": null, \"greater_is_better\": null}", 2)]
    [InlineData("{}", 2)]
    public void The_best_step_is_the_one_that_the_run_would_choose(string arguments, int step)
    {
        using var folder = new TemporaryFolder();
        folder.Add("train_args.json", arguments);
        folder.Add("train_log.jsonl",
            "{\"step\":1,\"eval_loss\":1,\"eval_weighted_f1\":0.5,\"eval_accuracy\":0.5}",
            "{\"step\":2,\"eval_loss\":3,\"eval_weighted_f1\":0.75,\"eval_accuracy\":0.5}",
            "{\"step\":3,\"eval_loss\":2,\"eval_weighted_f1\":0.5,\"eval_accuracy\":0.75}");

        var best = Assert.Single(RunInspection.Of(folder.FullPath), fact => fact.Key == "best_step");

        Assert.StartsWith($"{step}, ", best.Text, StringComparison.Ordinal);
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
