namespace Guanxi.Relations.Metrics;

/// <summary>A wrong answer that the classifier was sure of.</summary>
/// <param name="Example">The row.</param>
/// <param name="Gold">The true label.</param>
/// <param name="Predicted">The answer.</param>
/// <param name="Confidence">Its probability.</param>
/// <param name="GoldProbability">Probability of the true label; null when it is none of the classifier's.</param>
public sealed record ConfidentError(RelationExample Example, string Gold, string Predicted, double Confidence, double? GoldProbability)
{
    /// <summary>Errors that a report lists at most.</summary>
    public const int MostListed = 20;

    /// <summary>Picks the wrong answers with the highest confidence.</summary>
    /// <param name="rows">Evaluated rows.</param>
    /// <param name="labels">What each probability of a prediction belongs to.</param>
    /// <returns>At most <see cref="MostListed"/>, the surest first, of equals the earlier row.</returns>
    public static IReadOnlyList<ConfidentError> Of(IReadOnlyList<EvaluatedRow> rows, IReadOnlyList<string> labels)
    {
        var index = labels.Index().ToDictionary(item => item.Item, item => item.Index, StringComparer.Ordinal);
        return
        [
            .. rows
                .Where(row => row.Prediction is not null && row.Gold != row.Predicted)
                .OrderByDescending(row => row.Prediction!.Confidence)
                .Take(MostListed)
                .Select(row => new ConfidentError(
                    row.Example, row.Gold, row.Predicted, row.Prediction!.Confidence,
                    index.TryGetValue(row.Gold, out var at) && at < row.Prediction.Probabilities.Count
                        ? row.Prediction.Probabilities[at]
                        : null)),
        ];
    }
}
