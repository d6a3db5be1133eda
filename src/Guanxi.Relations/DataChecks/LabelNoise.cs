using Guanxi.Relations.Tfidf;
using Guanxi.Transformers;

namespace Guanxi.Relations.DataChecks;

/// <summary>How to look for wrong labels.</summary>
public sealed record LabelNoiseOptions
{
    /// <summary>Models to train, each of which judges the rows that it has not seen; from 2.</summary>
    /// <value>5.</value>
    public int Folds { get; init; } = 5;

    /// <summary>Decides which rows share a fold.</summary>
    /// <value>42.</value>
    public long Seed { get; init; } = 42;
}

/// <summary>A row whose label a model of the other rows contradicts.</summary>
/// <param name="Row">The row.</param>
/// <param name="Suggested">The label that fits better.</param>
/// <param name="LabelProbability">Probability of the row's own label.</param>
/// <param name="SuggestedProbability">Probability of the suggested one.</param>
public sealed record SuspectRow(RelationExample Row, string Suggested, double LabelProbability, double SuggestedProbability)
{
    /// <summary>How much less probable the own label is, from -1; the lowest are the most suspect.</summary>
    public double Margin => LabelProbability - SuggestedProbability;
}

/// <summary>What the search came to.</summary>
/// <param name="Rows">Rows that were judged.</param>
/// <param name="Agreed">Rows whose most probable label is their own: how far the judge can be trusted.</param>
/// <param name="Suspects">Rows worth a second look, the most suspect first.</param>
public sealed record LabelNoiseReport(int Rows, int Agreed, IReadOnlyList<SuspectRow> Suspects);

/// <summary>Finds rows that may have a wrong label.</summary>
/// <remarks>
/// Confident learning, Northcutt, Jiang and Chuang 2021 (https://arxiv.org/abs/1911.00068): a row counts for another label when that label's
/// probability reaches the mean that rows of that label have for it. The probabilities are those of the linear baseline, in cross-validation by
/// sentence, so that no model has seen the sentence it judges. Deviation: rows are ranked by margin, nothing is left out by itself.
/// </remarks>
public static class LabelNoise
{
    /// <summary>Trains and judges.</summary>
    /// <param name="rows">Rows with labels.</param>
    /// <param name="options">Folds and seed.</param>
    /// <param name="progress">Told the number of folds that are done; null for nobody.</param>
    /// <param name="stop">Ends the work.</param>
    /// <returns>The suspects.</returns>
    /// <exception cref="OptionsException">A row has no label, there are fewer than two labels, or too few sentences for the folds.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static LabelNoiseReport Find(
        IReadOnlyList<RelationExample> rows, LabelNoiseOptions options, IProgress<int>? progress, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(options);
        if (rows.FirstOrDefault(row => row.Label is null) is { } bare)
        {
            throw new OptionsException(new Problem($"{bare.Place}", "a row without label cannot be judged"));
        }

        var schema = RelationSchema.FromData(rows.Select(row => row.Label!), rows.Count > 0 ? rows[0].Place.File : "data");
        return Judge(rows, schema, TfidfCrossValidation.Probabilities(rows, schema, options.Folds, options.Seed, progress, stop));
    }

    /// <summary>Judges rows by probabilities that a model which has not seen them gives to every label of the schema.</summary>
    internal static LabelNoiseReport Judge(IReadOnlyList<RelationExample> rows, RelationSchema schema, double[][] probabilities)
    {
        int[] labels = [.. rows.Select(row => schema.IndexOf(row.Label!))];
        var thresholds = new double[schema.Labels.Count];
        foreach (var ofLabel in Enumerable.Range(0, rows.Count).GroupBy(row => labels[row]))
        {
            thresholds[ofLabel.Key] = ofLabel.Average(row => probabilities[row][ofLabel.Key]);
        }

        var suspects = new List<SuspectRow>();
        var agreed = 0;
        for (var row = 0; row < rows.Count; row++)
        {
            var own = probabilities[row];
            agreed += own[labels[row]] >= own.Max() ? 1 : 0;
            int[] confident = [.. Enumerable.Range(0, own.Length).Where(label => own[label] >= thresholds[label]).OrderByDescending(label => own[label])];
            if (confident is [var best, ..] && best != labels[row] && own[best] > own[labels[row]])
            {
                suspects.Add(new SuspectRow(rows[row], schema.Labels[best], own[labels[row]], own[best]));
            }
        }

        return new LabelNoiseReport(rows.Count, agreed, [.. suspects.OrderBy(suspect => suspect.Margin)]);
    }
}
