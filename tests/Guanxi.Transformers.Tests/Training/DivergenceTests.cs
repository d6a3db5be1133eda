using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>A loss or a gradient that is no number, at a chosen step: the run ends there, and what was saved before is good.</summary>
public sealed class DivergenceTests : IDisposable
{
    private const string Fingerprint = "the same run";
    private const int PoisonedStep = 4;

    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-divergence-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [GoldenInlineData("golden/training/lora_linear", double.NaN, false)]
    [GoldenInlineData("golden/training/lora_linear", double.PositiveInfinity, false)]
    [GoldenInlineData("golden/training/lora_linear", double.NaN, true)]
    [GoldenInlineData("golden/training/lora_linear", double.NegativeInfinity, true)]
    public void The_run_ends_at_that_step_and_goes_on_from_the_one_before(double poison, bool inGradient)
    {
        using var leaks = new LeakCheck();
        var golden = Golden.Json("training/lora_linear/case.json");
        using (var run = TrainingRun.Start(golden, change: options => options with { SaveSteps = 1 }, wrap: task => new PoisonedTask(task, poison, inGradient)))
        {
            run.Saving = trainer => TrainingCheckpoint.Save(_folder, trainer, Fingerprint, _ => { });
            var error = Assert.Throws<TrainingDivergedException>(() => run.Trainer.Run(CancellationToken.None));
            Assert.Equal(PoisonedStep, error.Step);
            Assert.Equal(PoisonedStep - 1, TrainingCheckpoint.List(_folder)[0].Step);
            Assert.All(run.Trainer.Parameters(), item => Assert.True(item.Value.Detach().ToArray<float>().All(float.IsFinite), item.Name));
        }

        using var whole = TrainingRun.Start(golden);
        Assert.True(whole.Trainer.Run(CancellationToken.None));
        using var resumed = TrainingRun.Start(golden);
        TrainingCheckpoint.ResumeNewest(_folder, resumed.Trainer, Fingerprint, _ => Assert.Fail("the checkpoint is whole"));
        Assert.True(resumed.Trainer.Run(CancellationToken.None));
        Assert.Equal(whole.Steps[(PoisonedStep - 1)..].Select(step => step.Loss), resumed.Steps.Select(step => step.Loss));
    }

    private sealed class PoisonedTask(ITrainingTask task, double poison, bool inGradient) : ITrainingTask
    {
        public int RowCount => task.RowCount;

        public int LengthOf(int row) => task.LengthOf(row);

        public ITrainingBatch Batch(IReadOnlyList<int> rows, DropoutKey key) =>
            key.Step == PoisonedStep - 1 ? new PoisonedBatch(task.Batch(rows, key), poison, inGradient) : task.Batch(rows, key);
    }

    private sealed class PoisonedBatch(ITrainingBatch batch, double poison, bool inGradient) : ITrainingBatch
    {
        public int TokenCount => batch.TokenCount;

        public int TargetCount => batch.TargetCount;

        public Tensor LossSum(ForwardContext context)
        {
            var loss = batch.LossSum(context);
            return inGradient ? Autograd.Record(loss.Detach(), [loss], [], (gradient, _) => [gradient * poison]) : loss * poison;
        }
    }
}
