namespace Guanxi.Relations.Metrics;

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
