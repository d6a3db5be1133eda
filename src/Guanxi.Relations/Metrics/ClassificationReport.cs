using Guanxi.Transformers;

namespace Guanxi.Relations.Metrics;

/// <summary>
/// How well predicted labels agree with true ones, as scikit-learn's <c>classification_report</c> and its neighbours compute it.
/// </summary>
/// <remarks>
/// Source: sklearn/metrics/_classification.py of scikit-learn 1.x with zero_division 0. <see cref="object.ToString"/> gives its
/// text at four digits.
/// </remarks>
public sealed class ClassificationReport
{
    private ClassificationReport(
        IReadOnlyList<LabelScores> perLabel, Scores micro, double accuracy, double? kappa, bool hasAccuracyLine, int[][] confusion)
    {
        (PerLabel, Micro, Accuracy, Kappa, HasAccuracyLine, Confusion) = (perLabel, micro, accuracy, kappa, hasAccuracyLine, confusion);
        Labels = [.. perLabel.Select(row => row.Label)];
        Support = perLabel.Sum(row => row.Support);
        var ones = perLabel.Select(_ => 1.0).ToArray();
        Macro = Average(perLabel, ones);
        Weighted = Support == 0 ? Macro : Average(perLabel, [.. perLabel.Select(row => (double)row.Support)]);
    }

    /// <summary>The labels reported on, in their order.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>Scores of each label, in the same order.</summary>
    public IReadOnlyList<LabelScores> PerLabel { get; }

    /// <summary>Mean over labels.</summary>
    public Scores Macro { get; }

    /// <summary>Scores of all reported labels together.</summary>
    public Scores Micro { get; }

    /// <summary>Mean over labels, each as heavy as its support.</summary>
    public Scores Weighted { get; }

    /// <summary>Share of all rows that are right.</summary>
    public double Accuracy { get; }

    /// <summary>Cohen's kappa over the labels that occur; null when only one does.</summary>
    public double? Kappa { get; }

    /// <summary>Rows whose true label is reported on.</summary>
    public int Support { get; }

    /// <summary>Whether every label that occurs is reported on, so that the micro average is the accuracy.</summary>
    public bool HasAccuracyLine { get; }

    /// <summary>Rows by true label (first index) and predicted label; rows with a label that is not reported on are left out.</summary>
    public int[][] Confusion { get; }

    /// <summary>Compares predictions with the truth; reports on every label that occurs, sorted by code point.</summary>
    /// <param name="truth">True labels.</param>
    /// <param name="predicted">Predicted labels, as many.</param>
    /// <returns>The report.</returns>
    /// <exception cref="OptionsException">There is no row, or the numbers of rows differ.</exception>
    public static ClassificationReport Of(IReadOnlyList<string> truth, IReadOnlyList<string> predicted) =>
        Compute(truth, predicted, [.. truth.Concat(predicted).Distinct().Order(CodePointOrder.Comparer)]);

    /// <summary>Compares predictions with the truth; reports on given labels.</summary>
    /// <param name="truth">True labels.</param>
    /// <param name="predicted">Predicted labels, as many; one outside the list is a miss of its true label.</param>
    /// <param name="labels">The labels to report on, in this order, each once.</param>
    /// <returns>The report.</returns>
    /// <exception cref="OptionsException">There is no row or label, or the numbers of rows differ.</exception>
    public static ClassificationReport Of(IReadOnlyList<string> truth, IReadOnlyList<string> predicted, IReadOnlyList<string> labels) =>
        Compute(truth, predicted, labels);

    /// <summary>The report as scikit-learn prints it with <c>digits=4</c>.</summary>
    /// <returns>
    /// Lines ended by line feeds. Supports are whole numbers also where scikit-learn, when no prediction is right, prints 3.0.
    /// </returns>
    public override string ToString() => ReportText.Of(this);

    private static ClassificationReport Compute(IReadOnlyList<string> truth, IReadOnlyList<string> predicted, IReadOnlyList<string> labels)
    {
        if (truth.Count == 0 || truth.Count != predicted.Count || labels.Count == 0 || labels.Distinct().Count() < labels.Count)
        {
            throw new OptionsException(new Problem("evaluation", "the report needs rows, a prediction for each, and labels, each once",
                "as many predictions as rows", $"{truth.Count} rows, {predicted.Count} predictions, {labels.Count} labels"));
        }

        var counts = LabelCounts.Of(truth, predicted, labels);
        var matrix = counts.Matrix();
        var actual = matrix.Select(row => row.Sum()).ToArray();
        var guessed = Enumerable.Range(0, matrix.Length).Select(label => matrix.Sum(row => row[label])).ToArray();
        var right = Enumerable.Range(0, matrix.Length).Select(label => matrix[label][label]).ToArray();
        var listed = labels.Count;
        var perLabel = labels.Select((label, at) =>
            new LabelScores(label, Scores.Of(right[at], guessed[at], actual[at]), actual[at])).ToArray();
        return new ClassificationReport(
            perLabel,
            Scores.Of(right[..listed].Sum(), guessed[..listed].Sum(), actual[..listed].Sum()),
            (double)right.Sum() / truth.Count,
            KappaOf(right, guessed, actual, truth.Count),
            matrix.Length == listed,
            [.. matrix[..listed].Select(row => row[..listed])]);
    }

    private static double? KappaOf(int[] right, int[] guessed, int[] actual, int rows)
    {
        var agreement = (double)right.Sum() / rows;
        var expected = guessed.Zip(actual, (left, other) => (double)left * other).Sum() / ((double)rows * rows);
        return expected == 1 ? null : (agreement - expected) / (1 - expected);
    }

    private static Scores Average(IReadOnlyList<LabelScores> rows, double[] weights)
    {
        var total = PairwiseSum.Of(weights);
        double Mean(Func<Scores, double> score) =>
            PairwiseSum.Of([.. rows.Zip(weights, (row, weight) => score(row.Scores) * weight)]) / total;
        return new Scores(Mean(scores => scores.Precision), Mean(scores => scores.Recall), Mean(scores => scores.F1));
    }
}
