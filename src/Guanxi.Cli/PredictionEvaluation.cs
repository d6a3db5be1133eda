using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Metrics;

namespace Guanxi.Cli;

/// <summary>Evaluates predictions that were made elsewhere.</summary>
internal static class PredictionEvaluation
{
    private const double IntervalLevel = 0.95;
    private const int Resamples = 1000;
    private const long ResampleSeed = 42;

    /// <summary>Compares the predictions with the truth, letter by letter.</summary>
    /// <param name="path">The predictions.</param>
    /// <param name="data">Rows with the truth; null when the predictions carry it.</param>
    /// <param name="labels">The labels; null: those that occur in the truth. Other predictions count as invalid answers.</param>
    public static Evaluation Of(string path, string? data, RelationSchema? labels)
    {
        var (gold, predicted) = PredictionFile.Read(path, data);
        var known = (labels?.Labels ?? gold).ToHashSet(StringComparer.Ordinal);
        var interval = Bootstrap.WeightedF1(gold, predicted, IntervalLevel, Resamples, ResampleSeed);
        var result = new EvaluationResult(
            ClassificationReport.Of(gold, predicted), interval, predicted.Count(label => !known.Contains(label)), null, null, null);
        var rows = gold.Zip(predicted).Select((pair, at) => new EvaluatedRow(
            new RelationExample("", "", "", null, null, pair.First, new SourcePlace(path, at + 1, at + 1)), pair.First, pair.Second, null, null));
        return new Evaluation([.. rows], result);
    }
}
