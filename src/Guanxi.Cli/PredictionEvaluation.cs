using Guanxi.Relations;
using Guanxi.Relations.Formats;

namespace Guanxi.Cli;

/// <summary>Evaluates predictions that were made elsewhere.</summary>
internal static class PredictionEvaluation
{
    /// <summary>Compares the predictions with the truth, letter by letter.</summary>
    /// <param name="path">The predictions.</param>
    /// <param name="data">Rows with the truth; null when the predictions carry it.</param>
    /// <param name="labels">The labels; null: those that occur in the truth. Other predictions count as invalid answers.</param>
    public static Evaluation Of(string path, string? data, RelationSchema? labels)
    {
        var predictions = PredictionFile.Read(path, data);
        return Evaluator.Summarise(predictions.Rows, labels?.Labels ?? predictions.Gold, predictions.Labels, null);
    }
}
