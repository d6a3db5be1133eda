namespace Guanxi.Relations.Comparison;

/// <summary>A system that is compared: its answers to the same rows, once or with several seeds.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Runs">For every run the predicted label of every row.</param>
public sealed record ComparedSystem(string Name, IReadOnlyList<IReadOnlyList<string>> Runs)
{
    /// <summary>Weighted F1 that somebody published for it, from 0 to 1; null when there is none.</summary>
    public double? Published { get; init; }
}

/// <summary>Scores of a system.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="RunScores">Weighted F1 of every run.</param>
/// <param name="Accuracy">Mean accuracy of its runs.</param>
/// <param name="WeightedF1">Mean weighted F1 of its runs.</param>
/// <param name="Interval">Interval of that mean, over rows and, where there are several, runs.</param>
/// <param name="PerLabel">Scores of every true label, means of its runs, in the order of code points.</param>
public sealed record SystemScore(
    string Name, IReadOnlyList<double> RunScores, double Accuracy, double WeightedF1, Metrics.Interval Interval, IReadOnlyList<Metrics.LabelScores> PerLabel)
{
    /// <summary>Weighted F1 that somebody published for it, from 0 to 1; null when there is none.</summary>
    public double? Published { get; init; }
}

/// <summary>Whether two systems differ by more than chance.</summary>
/// <param name="First">Name of the first.</param>
/// <param name="Second">Name of the second.</param>
/// <param name="Difference">Weighted F1 of the second minus that of the first, means of their runs.</param>
/// <param name="Interval">Interval of the difference, the same rows being drawn for both.</param>
/// <param name="BootstrapP">Two-sided p of the difference, from the resamples.</param>
/// <param name="OnlyFirstRight">Rows that only the first has right; null where a system has several runs.</param>
/// <param name="OnlySecondRight">Rows that only the second has right; null likewise.</param>
/// <param name="P">
/// Two-sided p of the difference in accuracy: the exact McNemar test for two single runs, else a sign-flip test over the rows' mean
/// rightness.
/// </param>
/// <param name="AdjustedP">The same after Holm's correction for all pairs.</param>
/// <param name="AdjustedBootstrapP">The p of the difference in F1 after Holm's correction for all pairs.</param>
/// <param name="RowsNeeded">Rows on which a difference of this size would be found four times in five; null when there is none.</param>
/// <param name="CriticalDifference">The smallest difference that would be found four times in five on as many rows as there are.</param>
public sealed record PairResult(
    string First, string Second, double Difference, Metrics.Interval Interval, double BootstrapP, int? OnlyFirstRight, int? OnlySecondRight, double P,
    double AdjustedP, double AdjustedBootstrapP, int? RowsNeeded, double CriticalDifference)
{
    /// <summary>Largest p that is taken for a difference.</summary>
    public const double Significance = 0.05;

    /// <summary>Whether the two can be told apart by their weighted F1.</summary>
    public bool IsToldApart => AdjustedBootstrapP <= Significance;
}
