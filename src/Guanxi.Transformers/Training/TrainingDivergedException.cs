namespace Guanxi.Transformers.Training;

/// <summary>Loss or gradient became infinite or not a number. The parameters are those of the last good step.</summary>
public sealed class TrainingDivergedException : Exception
{
    internal TrainingDivergedException(int step, double loss, double gradientNorm)
        : base(
            $"step {step}: loss {loss}, gradient norm {gradientNorm}: training has diverged. "
            + "Resume from the last checkpoint with a lower learning_rate, a longer warm-up or fp32.") => Step = step;

    /// <summary>The step that failed, from 1.</summary>
    public int Step { get; }
}
