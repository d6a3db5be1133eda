namespace Guanxi.Relations.Metrics;

/// <summary>The score interval of a proportion.</summary>
/// <remarks>E. B. Wilson 1927, without continuity correction, as scipy's <c>proportion_ci(method="wilson")</c>.</remarks>
public static class Wilson
{
    /// <summary>Computes the interval.</summary>
    /// <param name="successes">Rows that are right, 0 to <paramref name="trials"/>.</param>
    /// <param name="trials">All rows, at least 1.</param>
    /// <param name="level">Confidence, above 0 and below 1.</param>
    /// <param name="metric">Name of the proportion.</param>
    /// <returns>The interval, within 0 to 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is outside its range.</exception>
    public static Interval Of(int successes, int trials, double level, string metric)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(trials, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(successes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(successes, trials);
        var z = NormalDistribution.TwoSidedQuantile(level);
        var share = (double)successes / trials;
        var scale = 1 + (z * z / trials);
        var centre = (share + (z * z / (2.0 * trials))) / scale;
        var half = z * Math.Sqrt((share * (1 - share) / trials) + (z * z / (4.0 * trials * trials))) / scale;
        return new Interval(metric, level, successes == 0 ? 0 : centre - half, successes == trials ? 1 : centre + half, "Wilson score");
    }
}
