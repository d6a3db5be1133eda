namespace Guanxi.Transformers.Training;

/// <summary>What happens beside the training loop: logs, checkpoints, evaluations.</summary>
public interface ITrainingObserver
{
    /// <summary>A step was done.</summary>
    /// <param name="step">Its figures.</param>
    void OnStep(TrainStep step);

    /// <summary>The state should be saved.</summary>
    /// <param name="trainer">The trainer between two steps.</param>
    void OnSave(Trainer trainer);

    /// <summary>The model should be evaluated.</summary>
    /// <param name="trainer">The trainer between two steps.</param>
    /// <param name="stop">Breaks the evaluation off; it is then made again when the run goes on.</param>
    /// <returns>The score that the best checkpoint is chosen by; NaN when there is none.</returns>
    /// <exception cref="OperationCanceledException">It was broken off.</exception>
    double OnEvaluate(Trainer trainer, CancellationToken stop);
}

/// <summary>How far a saved run had come.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Best">The best evaluation of these; null when there was none.</param>
/// <param name="IsEvaluationPending">Whether the evaluation of the last step is still to be made.</param>
internal sealed record SavedProgress(int Step, BestEvaluation? Best, bool IsEvaluationPending);
