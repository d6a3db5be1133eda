using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

public sealed class TrainingPlanTests
{
    [Fact]
    public void Numbers_that_make_no_step_are_all_told()
    {
        var options = new TrainingOptions
        {
            BatchSize = 0, Accumulation = 0, Epochs = 0, WarmupRatio = 2, MaxGradNorm = -1, SaveSteps = -1, EvalSteps = -1, Patience = -1,
        };

        var error = Assert.Throws<OptionsException>(() => new TrainingPlan(0, _ => 0, options, worldSize: 1));

        Assert.Equal(
            [
                "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "warmup_ratio", "max_grad_norm", "save_steps",
                "eval_steps", "early_stopping_patience", "training set",
            ],
            error.Problems.Select(problem => problem.Where));
    }

    [Fact]
    public void A_batch_larger_than_the_rows_is_one_step_an_epoch()
    {
        var plan = new TrainingPlan(5, _ => 0, new TrainingOptions { BatchSize = int.MaxValue, Accumulation = int.MaxValue, Epochs = 2 }, worldSize: 1);

        Assert.Equal((1, 1, 2), (plan.MicroBatchesPerEpoch, plan.StepsPerEpoch, plan.TotalSteps));
    }
}
