using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>A run that was stopped goes on as if it had not been: the same bits, dropout included.</summary>
public sealed class ResumeTests : IDisposable
{
    private const double Dropout = 0.1;
    private const string Fingerprint = "the same run";

    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-resume-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [GoldenInlineData("golden/training/lora_cosine_decay_clip", "lora_cosine_decay_clip", 1)]
    [GoldenInlineData("golden/training/lora_cosine_decay_clip", "lora_cosine_decay_clip", 5)]
    [GoldenInlineData("golden/training/qlora_constant_warmup", "qlora_constant_warmup", 3)]
    [GoldenInlineData("golden/training/full_adamw_constant_warmup", "full_adamw_constant_warmup", 4)]
    public void A_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(string name, int stopAfter)
    {
        using var leaks = new LeakCheck();
        var golden = Golden.Json($"training/{name}/case.json");
        using (var interrupted = TrainingRun.Start(golden, Dropout))
        {
            using var stop = new CancellationTokenSource();
            interrupted.Stepping = step => StopAfter(step, stopAfter, stop);
            interrupted.Saving = trainer => TrainingCheckpoint.Save(_folder, trainer, Fingerprint, _ => { });
            Assert.False(interrupted.Trainer.Run(stop.Token));
        }

        using var resumed = TrainingRun.Start(golden, Dropout);
        Assert.NotNull(TrainingCheckpoint.ResumeNewest(_folder, resumed.Trainer, Fingerprint, _ => Assert.Fail("a whole checkpoint was passed over")));
        Assert.Equal(stopAfter, resumed.Trainer.Step);
        Assert.True(resumed.Trainer.Run(CancellationToken.None));

        using var whole = TrainingRun.Start(golden, Dropout);
        Assert.True(whole.Trainer.Run(CancellationToken.None));
        Assert.Equal(whole.Steps[stopAfter..].Select(step => step.Loss), resumed.Steps.Select(step => step.Loss));
        foreach (var (expected, actual) in whole.Trainer.State().Zip(resumed.Trainer.State()))
        {
            using var scope = TensorScope.Enter();
            Assert.Equal(expected.Value.Detach().ToArray<float>(), actual.Value.Detach().ToArray<float>());
        }
    }

    [GoldenFact("golden/training")]
    public void A_damaged_checkpoint_is_passed_over_for_the_one_before()
    {
        var golden = Golden.Json("training/lora_linear/case.json");
        using var run = TrainingRun.Start(golden, change: options => options with { SaveSteps = 2 });
        run.Saving = trainer => TrainingCheckpoint.Save(_folder, trainer, Fingerprint, _ => { });
        run.Trainer.Run(CancellationToken.None);
        var newest = TrainingCheckpoint.List(_folder)[0];
        var state = Directory.EnumerateFiles(newest.Path, "*.safetensors").Single();
        using (var file = File.OpenWrite(state))
        {
            file.Position = file.Length / 2;
            file.WriteByte(0x55);
            file.WriteByte(0xAA);
        }

        using var resumed = TrainingRun.Start(golden);
        var told = new List<Problem>();
        var found = TrainingCheckpoint.ResumeNewest(_folder, resumed.Trainer, Fingerprint, told.Add);

        Assert.EndsWith("checkpoint-8", found, StringComparison.Ordinal);
        Assert.Contains(told, problem => problem.ToString().Contains(Path.GetFileName(state), StringComparison.Ordinal));
    }

    [GoldenFact("golden/training")]
    public void Another_configuration_is_refused()
    {
        var golden = Golden.Json("training/lora_linear/case.json");
        using var run = TrainingRun.Start(golden, change: options => options with { MaxSteps = 2, SaveSteps = 2 });
        run.Saving = trainer => TrainingCheckpoint.Save(_folder, trainer, Fingerprint, _ => { });
        run.Trainer.Run(CancellationToken.None);

        using var other = TrainingRun.Start(golden);
        Assert.Throws<OptionsException>(() => TrainingCheckpoint.ResumeNewest(_folder, other.Trainer, "another run", _ => { }));
    }

    private static void StopAfter(TrainStep step, int last, CancellationTokenSource stop)
    {
        if (step.Step == last)
        {
            stop.Cancel();
        }
    }
}
