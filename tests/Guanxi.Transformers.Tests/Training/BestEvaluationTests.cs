using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>Choosing the best checkpoint, and ending a run that no longer gets better.</summary>
public sealed class BestEvaluationTests : IDisposable
{
    private const string Case = "training/lora_linear/case.json";
    private const string Fingerprint = "the same run";

    // Scores of the evaluations after steps 1 to 9: the best comes third, and the next better one too late for a patience of 3.
    private static readonly double[] s_scores = [0.5, double.NaN, 0.6, 0.6, 0.4, 0.5, 0.9, 0.95, 1];

    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-best-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [GoldenFact("golden/training")]
    public void The_best_is_saved_when_it_comes_and_the_run_ends_when_patience_does()
    {
        using var leaks = new LeakCheck();
        using var run = Start(patience: 3);
        var saved = new List<int>();
        run.Saving = trainer => saved.Add(trainer.Step);

        Assert.True(run.Trainer.Run(CancellationToken.None));

        Assert.Equal([1, 3], saved);
        Assert.Equal(6, run.Trainer.Step);
        Assert.True(run.Trainer.HasStoppedEarly);
        Assert.Equal(new BestEvaluation(3, 0.6, 3), run.Trainer.Best);
    }

    [GoldenFact("golden/training")]
    public void A_resumed_run_chooses_and_ends_as_an_uninterrupted_one()
    {
        using var leaks = new LeakCheck();
        using (var first = Start(patience: 3))
        {
            using var stop = new CancellationTokenSource();
            first.Saving = trainer => TrainingCheckpoint.Save(_folder, trainer, Fingerprint, _ => { });
            first.Stepping = step =>
            {
                if (step.Step == 5)
                {
                    stop.Cancel();
                }
            };
            Assert.False(first.Trainer.Run(stop.Token));
        }

        using var resumed = Start(patience: 3);
        Assert.EndsWith("checkpoint-5", TrainingCheckpoint.ResumeNewest(_folder, resumed.Trainer, Fingerprint, _ => { }), StringComparison.Ordinal);
        Assert.Equal(new BestEvaluation(3, 0.6, 1), resumed.Trainer.Best);
        Assert.True(resumed.Trainer.IsEvaluationPending); // The stop came before the evaluation of step 5.
        Assert.True(resumed.Trainer.Run(CancellationToken.None));
        Assert.Equal((6, true), (resumed.Trainer.Step, resumed.Trainer.HasStoppedEarly));

        using var again = Start(patience: 3);
        TrainingCheckpoint.Save(_folder, resumed.Trainer, Fingerprint, _ => { });
        TrainingCheckpoint.ResumeNewest(_folder, again.Trainer, Fingerprint, _ => { });
        Assert.True(again.Trainer.Run(CancellationToken.None));
        Assert.Equal(6, again.Trainer.Step);
    }

    [GoldenFact("golden/training")]
    public void The_parameters_of_the_best_come_back_without_step_or_moments()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var run = Start(patience: 0);
        var best = Array.Empty<float[]>();
        run.Saving = trainer =>
        {
            best = Parameters(trainer);
            TrainingCheckpoint.Save(_folder, trainer, Fingerprint, _ => { });
        };
        run.Evaluating = trainer => -Math.Abs(trainer.Step - 4);
        run.Trainer.Run(CancellationToken.None);
        Assert.Equal(4, run.Trainer.Best!.Step);
        Assert.NotEqual(best, Parameters(run.Trainer));

        TrainingCheckpoint.LoadParameters(TrainingCheckpoint.PathOf(_folder, 4), run.Trainer);

        Assert.Equal(best, Parameters(run.Trainer));
        Assert.Equal(9, run.Trainer.Step);
    }

    [Fact]
    public void Of_equal_scores_the_earlier_is_the_best_and_a_loss_is_better_lower()
    {
        var first = BestEvaluation.After(null, 1, 2, ModelChoice.Lowest);
        Assert.Equal(new BestEvaluation(1, 2, 1), BestEvaluation.After(first, 2, 2, ModelChoice.Lowest));
        Assert.Equal(new BestEvaluation(2, 1, 0), BestEvaluation.After(first, 2, 1, ModelChoice.Lowest));
        Assert.Equal(new BestEvaluation(1, 2, 1), BestEvaluation.After(first, 2, 1, ModelChoice.Highest));
        Assert.Null(BestEvaluation.After(null, 1, double.NaN, ModelChoice.Highest));
    }

    private static TrainingRun Start(int patience)
    {
        var run = TrainingRun.Start(
            Golden.Json(Case), change: options => options with { EvalSteps = 1, Choice = ModelChoice.Highest, Patience = patience });
        run.Evaluating = trainer => s_scores[trainer.Step - 1];
        return run;
    }

    private static float[][] Parameters(Trainer trainer) => [.. trainer.Parameters().Select(item => item.Value.Detach().ToArray<float>())];
}
