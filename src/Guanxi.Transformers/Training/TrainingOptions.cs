namespace Guanxi.Transformers.Training;

/// <summary>How a model is trained. Defaults are those of Hugging Face's TrainingArguments where it has the key.</summary>
public sealed record TrainingOptions
{
    /// <summary>Passes over the rows.</summary>
    /// <value>3.</value>
    public double Epochs { get; init; } = 3;

    /// <summary>Optimizer steps, instead of epochs when positive.</summary>
    /// <value>-1.</value>
    public int MaxSteps { get; init; } = -1;

    /// <summary>Rows of a micro-batch.</summary>
    /// <value>8.</value>
    public int BatchSize { get; init; } = 8;

    /// <summary>Micro-batches of an optimizer step.</summary>
    /// <value>1.</value>
    public int Accumulation { get; init; } = 1;

    /// <summary>What the loss of a step is the mean of.</summary>
    /// <value><see cref="LossMean.OfTargets"/>.</value>
    public LossMean LossMean { get; init; } = LossMean.OfTargets;

    /// <summary>What becomes of gradients.</summary>
    /// <value><see cref="OptimizerKind.AdamW"/>.</value>
    public OptimizerKind Optimizer { get; init; } = OptimizerKind.AdamW;

    /// <summary>Highest learning rate.</summary>
    /// <value>5e-5.</value>
    public double LearningRate { get; init; } = 5e-5;

    /// <summary>Shape of the learning rate over the run.</summary>
    /// <value><see cref="LearningRateKind.Linear"/>.</value>
    public LearningRateKind Scheduler { get; init; } = LearningRateKind.Linear;

    /// <summary>What <see cref="Scheduler"/> has beside its rate and steps.</summary>
    /// <value>The kind's own defaults.</value>
    public LearningRateForm SchedulerForm { get; init; } = new();

    /// <summary>Steps over which the rate rises from zero.</summary>
    /// <value>0.</value>
    public int WarmupSteps { get; init; }

    /// <summary>Share of the steps over which the rate rises, when <see cref="WarmupSteps"/> is 0.</summary>
    /// <value>0.</value>
    public double WarmupRatio { get; init; }

    /// <summary>Decoupled weight decay of matrices; norms and biases have none.</summary>
    /// <value>0.</value>
    public double WeightDecay { get; init; }

    /// <summary>First moment's decay.</summary>
    /// <value>0.9.</value>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Second moment's decay.</summary>
    /// <value>0.999.</value>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    /// <value>1e-8.</value>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Norm that gradients are clipped to; 0 for no clipping.</summary>
    /// <value>1.</value>
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>How rows of next tokens become batches and losses; other tasks have forms of their own.</summary>
    /// <value>The plain loss, and everything saved that changes nothing.</value>
    public NextTokenForm NextToken { get; init; } = new();

    /// <summary>Seed of row order, adapters and dropout.</summary>
    /// <value>42.</value>
    public int Seed { get; init; } = 42;

    /// <summary>In what order rows are visited.</summary>
    /// <value><see cref="RowSampling.Random"/>.</value>
    public RowSampling Sampling { get; init; } = RowSampling.Random;

    /// <summary>Whether layers are computed again in the backward pass.</summary>
    /// <value>False.</value>
    public bool GradientCheckpointing { get; init; }

    /// <summary>Steps between checkpoints, the last step always being one; 0 for none but when the run is stopped.</summary>
    /// <value>0.</value>
    public int SaveSteps { get; init; }

    /// <summary>Steps between evaluations; 0 for none.</summary>
    /// <value>0.</value>
    public int EvalSteps { get; init; }

    /// <summary>Whether evaluations choose the best checkpoint, which is then saved whenever there is a better one.</summary>
    /// <value><see cref="ModelChoice.None"/>.</value>
    public ModelChoice Choice { get; init; } = ModelChoice.None;

    /// <summary>Evaluations in a row without a better one that end the run; 0 for no such end.</summary>
    /// <value>0.</value>
    public int Patience { get; init; }

    /// <summary>Finds numbers that make no run; the learning rate's are left to <see cref="LearningRateSchedule"/>.</summary>
    internal List<Problem> Check()
    {
        var problems = new List<Problem>();
        void Need(bool isRight, string where, string expected, double found) => Problem.Need(problems, isRight, where, expected, found);

        Need(BatchSize >= 1, "per_device_train_batch_size", "at least 1", BatchSize);
        Need(Accumulation >= 1, "gradient_accumulation_steps", "at least 1", Accumulation);
        Need(MaxSteps > 0 || (Epochs > 0 && double.IsFinite(Epochs)), "num_train_epochs", "above 0, or max_steps", Epochs);
        Need(WarmupRatio is >= 0 and <= 1, "warmup_ratio", "0 to 1", WarmupRatio);
        Need(MaxGradNorm >= 0, "max_grad_norm", "at least 0", MaxGradNorm);
        Need(SaveSteps >= 0, "save_steps", "at least 0", SaveSteps);
        Need(EvalSteps >= 0, "eval_steps", "at least 0", EvalSteps);
        Need(Patience >= 0, "early_stopping_patience", "at least 0", Patience);
        return problems;
    }
}

/// <summary>What the loss of an optimizer step is the mean of.</summary>
public enum LossMean
{
    /// <summary>All targets of the step, whichever micro-batch they are in: transformers since 4.46.</summary>
    OfTargets,

    /// <summary>The means of the micro-batches: transformers before, where a target in a short micro-batch counts for more.</summary>
    OfMicroBatches,
}

/// <summary>In what order rows are visited.</summary>
public enum RowSampling
{
    /// <summary>A new permutation every epoch, that of torch's generator.</summary>
    Random,

    /// <summary>As they stand.</summary>
    Sequential,

    /// <summary>Rows of like length together, in a new order every epoch: less padding where rows are padded.</summary>
    GroupByLength,
}
