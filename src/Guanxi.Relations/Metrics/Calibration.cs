namespace Guanxi.Relations.Metrics;

/// <summary>Rows whose top probability falls in one interval.</summary>
/// <param name="Index">Number of the interval, from 0.</param>
/// <param name="Count">Rows in it.</param>
/// <param name="Accuracy">Share of them that are right.</param>
/// <param name="Confidence">Mean of their top probabilities.</param>
public sealed record CalibrationBin(int Index, int Count, double Accuracy, double Confidence);

/// <summary>Whether probabilities mean what they say.</summary>
/// <param name="Accuracy">Share of rows whose most probable label is right; of equals the first counts.</param>
/// <param name="ExpectedError">Mean over rows of the gap between a bin's accuracy and confidence (ECE).</param>
/// <param name="MaximumError">The largest such gap (MCE).</param>
/// <param name="Brier">Mean over rows of the squared errors summed over labels, 0 to 2.</param>
/// <param name="LogLoss">Mean of minus the natural logarithm of the true label's probability.</param>
/// <param name="Bins">The bins that hold rows.</param>
/// <remarks>
/// Fifteen bins of equal width, each with its upper end: Guo et al. 2017, arXiv 1706.04599. Brier and log loss as in scikit-learn.
/// </remarks>
public sealed record Calibration(
    double Accuracy, double ExpectedError, double MaximumError, double Brier, double LogLoss, IReadOnlyList<CalibrationBin> Bins)
{
    /// <summary>Bins of equal width, filled or not.</summary>
    public const int BinCount = 15;

    // scikit-learn's clip: the distance from 1 to the next double.
    private const double SmallestProbability = 2.220446049250313e-16;

    /// <summary>Measures the probabilities of some rows.</summary>
    /// <param name="probabilities">For every row one number a label, summing to 1; at least one row.</param>
    /// <param name="truth">For every row the index of the true label.</param>
    /// <returns>All measures.</returns>
    /// <exception cref="ArgumentException">There is no row, or the numbers of rows differ.</exception>
    public static Calibration Of(IReadOnlyList<double[]> probabilities, IReadOnlyList<int> truth)
    {
        if (probabilities.Count == 0 || probabilities.Count != truth.Count)
        {
            throw new ArgumentException($"{probabilities.Count} rows of probabilities for {truth.Count} labels", nameof(probabilities));
        }

        var bins = new (int Count, int Right, double Confidence)[BinCount];
        var (brier, loss) = (0.0, 0.0);
        for (var row = 0; row < truth.Count; row++)
        {
            var values = probabilities[row];
            var top = Array.IndexOf(values, values.Max());
            ref var bin = ref bins[Math.Clamp((int)Math.Ceiling(values[top] * BinCount) - 1, 0, BinCount - 1)];
            bin = (bin.Count + 1, bin.Right + (top == truth[row] ? 1 : 0), bin.Confidence + values[top]);
            brier += SquaredError(values, truth[row]);
            loss -= Math.Log(Math.Max(values[truth[row]], SmallestProbability));
        }

        var filled = bins
            .Select((bin, index) => new CalibrationBin(index, bin.Count, (double)bin.Right / bin.Count, bin.Confidence / bin.Count))
            .Where(bin => bin.Count > 0)
            .ToArray();
        var gaps = filled.Select(bin => Math.Abs(bin.Accuracy - bin.Confidence)).ToArray();
        double rows = truth.Count;
        return new Calibration(
            bins.Sum(bin => bin.Right) / rows,
            filled.Zip(gaps, (bin, gap) => bin.Count / rows * gap).Sum(),
            gaps.Max(),
            brier / rows,
            loss / rows,
            filled);
    }

    private static double SquaredError(double[] values, int truth)
    {
        var sum = 0.0;
        for (var label = 0; label < values.Length; label++)
        {
            var error = values[label] - (label == truth ? 1 : 0);
            sum += error * error;
        }

        return sum;
    }
}
