namespace Guanxi.Relations.Metrics;

/// <summary>The difference of two classifiers' weighted F1 over resamples of the rows.</summary>
/// <param name="F1First">Weighted F1 of the first on all rows.</param>
/// <param name="F1Second">Weighted F1 of the second on all rows.</param>
/// <param name="Differences">Second minus first on each resample.</param>
/// <param name="Interval">Percentile interval of the differences.</param>
/// <param name="Mean">Mean of the differences.</param>
/// <param name="ShareNotAboveZero">Share of the resamples on which the second is not better.</param>
public sealed record PairedDifference(
    double F1First, double F1Second, IReadOnlyList<double> Differences, Interval Interval, double Mean, double ShareNotAboveZero);

/// <summary>Tells by resampling rows how much of a weighted F1, or of a difference of two, is chance.</summary>
/// <remarks>Efron's percentile method; percentiles interpolate linearly, as numpy's do.</remarks>
public static class Bootstrap
{
    /// <summary>Confidence of the intervals that are reported.</summary>
    public const double UsualLevel = 0.95;

    /// <summary>Resamples that an evaluation draws.</summary>
    public const int UsualResamples = 1000;

    /// <summary>Seed of the resamples that are reported.</summary>
    public const long UsualSeed = 42;

    private const string Metric = "weighted_f1";

    /// <summary>Draws resamples: rows with replacement, as many as there are.</summary>
    /// <param name="rows">Number of rows, at least 1.</param>
    /// <param name="count">Number of resamples.</param>
    /// <param name="seed">The same seed gives the same resamples everywhere.</param>
    /// <returns>Row numbers from 0, drawn as they are asked for.</returns>
    public static IEnumerable<int[]> Resamples(int rows, int count, long seed)
    {
        var random = new SeededRandom(seed);
        for (var drawn = 0; drawn < count; drawn++)
        {
            var resample = new int[rows];
            for (var at = 0; at < rows; at++)
            {
                resample[at] = random.Next(rows);
            }

            yield return resample;
        }
    }

    /// <summary>Interval of one classifier's weighted F1.</summary>
    /// <param name="truth">True labels, at least one.</param>
    /// <param name="predicted">Predictions, as many.</param>
    /// <param name="level">Confidence, above 0 and below 1.</param>
    /// <param name="resamples">Number of resamples, at least 1.</param>
    /// <param name="seed">Seed of the resamples.</param>
    /// <returns>The interval.</returns>
    public static Interval WeightedF1(IReadOnlyList<string> truth, IReadOnlyList<string> predicted, double level, int resamples, long seed)
    {
        var counts = LabelCounts.Of(truth, predicted, []);
        var scores = Resamples(truth.Count, resamples, seed).Select(rows => counts.WeightedF1(rows)).ToArray();
        return IntervalOf(scores, level, $"percentile bootstrap, {resamples} resamples, seed {seed}");
    }

    /// <summary>Interval of one classifier's weighted F1 as evaluations report it.</summary>
    /// <param name="truth">True labels, at least one.</param>
    /// <param name="predicted">Predictions, as many.</param>
    /// <returns>The interval.</returns>
    public static Interval WeightedF1(IReadOnlyList<string> truth, IReadOnlyList<string> predicted) =>
        WeightedF1(truth, predicted, UsualLevel, UsualResamples, UsualSeed);

    /// <summary>Compares two classifiers on the same rows.</summary>
    /// <param name="truth">True labels, at least one.</param>
    /// <param name="first">Predictions of the first, as many.</param>
    /// <param name="second">Predictions of the second, as many.</param>
    /// <param name="resamples">Row numbers of each resample, at least one.</param>
    /// <param name="level">Confidence, above 0 and below 1.</param>
    /// <returns>The differences and what they say.</returns>
    public static PairedDifference Compare(
        IReadOnlyList<string> truth, IReadOnlyList<string> first, IReadOnlyList<string> second, IEnumerable<int[]> resamples, double level)
    {
        var (left, right) = (LabelCounts.Of(truth, first, []), LabelCounts.Of(truth, second, []));
        var differences = resamples.Select(rows => right.WeightedF1(rows) - left.WeightedF1(rows)).ToArray();
        var all = Enumerable.Range(0, truth.Count).ToArray();
        return new PairedDifference(
            left.WeightedF1(all),
            right.WeightedF1(all),
            differences,
            IntervalOf(differences, level, $"paired percentile bootstrap, {differences.Length} resamples"),
            PairwiseSum.Of(differences) / differences.Length,
            (double)differences.Count(difference => difference <= 0) / differences.Length);
    }

    /// <summary>The percentile interval of scores on resamples.</summary>
    internal static Interval IntervalOf(double[] values, double level, string method)
    {
        var sorted = values.Order().ToArray();
        return new Interval(Metric, level, Percentile(sorted, (1 - level) / 2), Percentile(sorted, (1 + level) / 2), method);
    }

    private static double Percentile(double[] sorted, double share)
    {
        var place = share * (sorted.Length - 1);
        var below = (int)Math.Floor(place);
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((sorted[above] - sorted[below]) * (place - below));
    }
}
