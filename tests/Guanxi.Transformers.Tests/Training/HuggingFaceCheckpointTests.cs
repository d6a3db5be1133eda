using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints.Torch;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>Runs that Hugging Face's Trainer began and ours goes on with.</summary>
public sealed class HuggingFaceCheckpointTests
{
    private const string Sample = "golden/training/checkpoint_sample";

    [GoldenFact(Sample)]
    public void The_steps_after_the_checkpoint_are_those_of_the_run_that_wrote_it()
    {
        using var leaks = new LeakCheck();
        var golden = Golden.Json("training/lora_cosine_decay_clip/case.json");
        using var run = TrainingRun.Start(golden);
        var folder = Golden.Locate("training/checkpoint_sample");
        Assert.True(HuggingFaceCheckpoint.Is(folder));

        var differences = HuggingFaceCheckpoint.Resume(folder, run.Trainer);

        Assert.Single(differences); // The random numbers: this run draws none.
        Assert.Equal(5, run.Trainer.Step);
        Assert.True(run.Trainer.Run(CancellationToken.None));
        var tolerance = golden.GetProperty("tolerance");
        foreach (var (expected, actual) in golden.GetProperty("steps").EnumerateArray().Skip(5).Zip(run.Steps))
        {
            Assert.Equal(expected.GetProperty("learning_rate").GetDouble(), actual.LearningRate, tolerance.GetProperty("learning_rate").GetDouble());
            Assert.Equal(expected.GetProperty("loss_token_normalised").GetDouble(), actual.Loss, tolerance.GetProperty("loss").GetDouble());
        }
    }

    [GoldenFact(Sample)]
    public void The_schedule_of_the_checkpoint_is_read_and_compared()
    {
        using var leaks = new LeakCheck();
        using var file = TorchFile.OpenNested(Path.Combine(Golden.Locate("training/checkpoint_sample"), "scheduler.pt"));
        Assert.Equal((5, 6), (file.Numbers["last_epoch"], file.Numbers["_step_count"]));
        using var run = TrainingRun.Start(
            Golden.Json("training/lora_cosine_decay_clip/case.json"), change: options => options with { MaxSteps = 12, BatchSize = 2 });

        var differences = string.Join('\n', HuggingFaceCheckpoint.Resume(Golden.Locate("training/checkpoint_sample"), run.Trainer));

        Assert.Contains("had 9 steps, this one has 12", differences, StringComparison.Ordinal);
        Assert.Contains("had 4 rows in a batch, this one has 2", differences, StringComparison.Ordinal);
        Assert.Contains("where that run would have used 0.003056", differences, StringComparison.Ordinal);
    }

    [GoldenFact(Sample)]
    public void A_checkpoint_of_another_kind_of_run_is_refused_with_the_first_tensors_that_lack()
    {
        using var leaks = new LeakCheck();
        using var run = TrainingRun.Start(Golden.Json("training/full_adamw_constant_warmup/case.json"));

        var error = Assert.Throws<CheckpointException>(() => HuggingFaceCheckpoint.Resume(Golden.Locate("training/checkpoint_sample"), run.Trainer));

        Assert.Contains(error.Problems, problem => problem.ToString().Contains("model.embed_tokens.weight", StringComparison.Ordinal));
        Assert.Equal(20, error.Problems.Count);
        Assert.Equal(0, run.Trainer.Step);
    }
}
