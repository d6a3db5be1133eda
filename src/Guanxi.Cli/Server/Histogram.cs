namespace Guanxi.Cli.Server;

/// <summary>Counts values by size, as Prometheus does: every bucket holds what is not above its bound.</summary>
/// <param name="bounds">Bounds of the buckets, ascending; what is above the last is only in the total.</param>
internal sealed class Histogram(double[] bounds)
{
    private readonly Lock _gate = new();
    private readonly long[] _counts = new long[bounds.Length + 1];
    private double _sum;

    /// <summary>Bounds for times in seconds, from a cached answer to a long queue.</summary>
    public static double[] Seconds { get; } = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    /// <summary>Bounds for probabilities.</summary>
    public static double[] Shares { get; } = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

    /// <summary>Bounds for rows of a pass.</summary>
    public static double[] Rows { get; } = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

    /// <summary>Counts a value.</summary>
    public void Add(double value)
    {
        var bucket = 0;
        while (bucket < bounds.Length && value > bounds[bucket])
        {
            bucket++;
        }

        lock (_gate)
        {
            _counts[bucket]++;
            _sum += value;
        }
    }

    /// <summary>Writes the samples.</summary>
    public void Write(PrometheusText text, string name, params (string Name, string Value)[] labels)
    {
        long[] counts;
        double sum;
        lock (_gate)
        {
            (counts, sum) = ([.. _counts], _sum);
        }

        var total = 0L;
        for (var bucket = 0; bucket < counts.Length; bucket++)
        {
            total += counts[bucket];
            var bound = bucket < bounds.Length ? PrometheusText.Number(bounds[bucket]) : "+Inf";
            text.Sample($"{name}_bucket", total, [.. labels, ("le", bound)]);
        }

        text.Sample($"{name}_sum", sum, labels);
        text.Sample($"{name}_count", total, labels);
    }
}
