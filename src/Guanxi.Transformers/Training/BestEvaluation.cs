namespace Guanxi.Transformers.Training;

/// <summary>Whether the scores of evaluations choose among a run's checkpoints, and how.</summary>
public enum ModelChoice
{
    /// <summary>They do not.</summary>
    None,

    /// <summary>The lowest score is the best: a loss.</summary>
    Lowest,

    /// <summary>The highest score is the best: F1, accuracy.</summary>
    Highest,
}

/// <summary>The best evaluation of a run so far. It is part of a checkpoint, so that a resumed run chooses and stops as it would have.</summary>
/// <param name="Step">Optimizer step of the evaluation.</param>
/// <param name="Score">Its score; finite.</param>
/// <param name="EvaluationsSince">Evaluations after it, none of them better.</param>
public sealed record BestEvaluation(int Step, double Score, int EvaluationsSince)
{
    /// <summary>Takes one more evaluation into account.</summary>
    /// <param name="best">The best before; null before the first.</param>
    /// <param name="step">Step of the new one.</param>
    /// <param name="score">Its score; what is not finite is never the best.</param>
    /// <param name="choice">Which is better.</param>
    /// <returns>The best now; of equal scores the earlier. Null while no score was finite.</returns>
    public static BestEvaluation? After(BestEvaluation? best, int step, double score, ModelChoice choice)
    {
        var isBetter = double.IsFinite(score) && (best is null || (choice == ModelChoice.Lowest ? score < best.Score : score > best.Score));
        return isBetter ? new BestEvaluation(step, score, 0) : best is null ? null : best with { EvaluationsSince = best.EvaluationsSince + 1 };
    }
}
