using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Training;

/// <summary>
/// What a model learns: its rows, and the loss of some of them. The trainer knows no more of a model than this; a new kind of model
/// or loss is a new task, never a new trainer.
/// </summary>
public interface ITrainingTask
{
    /// <summary>Rows of the set.</summary>
    int RowCount { get; }

    /// <summary>Tokens of a row, by which rows of like length find each other.</summary>
    /// <param name="row">Index of the row.</param>
    /// <returns>Its length.</returns>
    int LengthOf(int row);

    /// <summary>Prepares rows that are computed together; the model is not touched yet.</summary>
    /// <param name="rows">Indices of the rows.</param>
    /// <param name="key">All chance in the batch, such as hidden tokens, is a function of this.</param>
    /// <returns>The batch.</returns>
    ITrainingBatch Batch(IReadOnlyList<int> rows, DropoutKey key);
}

/// <summary>Rows that are computed together.</summary>
public interface ITrainingBatch
{
    /// <summary>Tokens read.</summary>
    int TokenCount { get; }

    /// <summary>Things guessed, such as tokens or classes: what the mean of the loss is taken over.</summary>
    int TargetCount { get; }

    /// <summary>Runs the model.</summary>
    /// <param name="context">Compute type, and the dropout of training.</param>
    /// <returns>The sum of the losses of all targets, a scalar; new, owned by the current scope.</returns>
    Tensor LossSum(ForwardContext context);
}
