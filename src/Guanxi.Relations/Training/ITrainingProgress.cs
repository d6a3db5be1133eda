using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>Shows a run to whoever waits for it.</summary>
public interface ITrainingProgress
{
    /// <summary>A remark: a decision, a warning.</summary>
    /// <param name="text">One line.</param>
    void Note(string text);

    /// <summary>The run is about to begin or to go on.</summary>
    /// <param name="plan">Its steps.</param>
    /// <param name="firstStep">Steps done before.</param>
    void Begin(TrainingPlan plan, int firstStep);

    /// <summary>A step was done.</summary>
    /// <param name="step">Its figures.</param>
    void Step(TrainStep step);

    /// <summary>The model was evaluated.</summary>
    /// <param name="evaluated">Its metrics.</param>
    void Evaluated(EvalStep evaluated);
}
