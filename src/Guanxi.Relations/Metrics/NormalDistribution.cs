namespace Guanxi.Relations.Metrics;

/// <summary>The standard normal distribution.</summary>
internal static class NormalDistribution
{
    // Beyond eight deviations the tail is below 1e-15 of the whole: no level that a double can hold needs more.
    private const double Farthest = 8;

    /// <summary>The z for which the share of values between -z and z is the level.</summary>
    public static double TwoSidedQuantile(double level)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(level, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(level, 1);
        var (low, high) = (0.0, Farthest);
        for (var middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2)
        {
            (low, high) = ShareWithin(middle) < level ? (middle, high) : (low, middle);
        }

        return low;
    }

    // 2 phi(z) (z + z^3/3 + z^5/(3*5) + ...): all terms positive, so nothing cancels.
    private static double ShareWithin(double z)
    {
        var (sum, term) = (0.0, z);
        for (var odd = 3; term > sum * 1e-18; odd += 2)
        {
            sum += term;
            term *= z * z / odd;
        }

        return 2 * sum * Math.Exp(-z * z / 2) / Math.Sqrt(2 * Math.PI);
    }
}
