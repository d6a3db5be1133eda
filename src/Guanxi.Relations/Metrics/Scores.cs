namespace Guanxi.Relations.Metrics;

/// <summary>Precision, recall and F1, each from 0 to 1; what would divide by zero is 0.</summary>
/// <param name="Precision">Share of the predictions that are right.</param>
/// <param name="Recall">Share of the rows that are found.</param>
/// <param name="F1">Harmonic mean of the two.</param>
public readonly record struct Scores(double Precision, double Recall, double F1)
{
    internal static Scores Of(long right, long predicted, long actual) =>
        new(Ratio(right, predicted), Ratio(right, actual), Ratio(2.0 * right, actual + predicted));

    private static double Ratio(double part, double whole) => whole == 0 ? 0 : part / whole;
}

/// <summary>The scores of one label.</summary>
/// <param name="Label">The label.</param>
/// <param name="Scores">Its scores.</param>
/// <param name="Support">Rows whose true label it is.</param>
public sealed record LabelScores(string Label, Scores Scores, int Support);
