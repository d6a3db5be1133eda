namespace Guanxi.Relations.Reporting.Charts;

/// <summary>Places numbers on a straight line.</summary>
/// <param name="Low">The number at <paramref name="From"/>.</param>
/// <param name="High">The number at <paramref name="To"/>, more than <paramref name="Low"/>.</param>
/// <param name="From">Coordinate of the low end.</param>
/// <param name="To">Coordinate of the high end.</param>
internal readonly record struct Axis(double Low, double High, double From, double To)
{
    private static readonly double[] s_steps = [1, 2, 2.5, 5, 10];

    /// <summary>An axis over numbers with room to round ends.</summary>
    public static Axis Over(IReadOnlyCollection<double> values, double from, double to, int ticks)
    {
        var (low, high) = (values.Min(), values.Max());
        if (high <= low)
        {
            (low, high) = (low - Math.Max(0.01, Math.Abs(low) / 20), high + Math.Max(0.01, Math.Abs(high) / 20));
        }

        var step = StepOf(high - low, ticks);
        return new Axis(Math.Floor(low / step) * step, Math.Ceiling(high / step) * step, from, to);
    }

    /// <summary>Coordinate of a number.</summary>
    public double At(double value) => From + ((value - Low) / (High - Low) * (To - From));

    /// <summary>Round numbers, about so many.</summary>
    public IEnumerable<double> Ticks(int count)
    {
        var step = StepOf(High - Low, count);
        var first = (long)Math.Ceiling((Low / step) - 1e-9);
        var last = (long)Math.Floor((High / step) + 1e-9);
        for (var tick = first; tick <= last; tick++)
        {
            yield return tick * step;
        }
    }

    private static double StepOf(double range, int count)
    {
        var unit = Math.Pow(10, Math.Floor(Math.Log10(range / count)));
        return unit * s_steps.First(step => step * unit * count >= range * (1 - 1e-9));
    }
}
