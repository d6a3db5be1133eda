namespace Guanxi.Cli.Inspection;

/// <summary>A curve in one line of text.</summary>
internal static class Sparkline
{
    private const string Bars = "▁▂▃▄▅▆▇█";

    /// <summary>Draws numbers between their smallest and largest; equal ones lie at the bottom.</summary>
    public static string Of(IReadOnlyList<double> values)
    {
        if (values.Count == 0)
        {
            return string.Empty;
        }

        var (low, high) = (values.Min(), values.Max());
        return string.Concat(values.Select(value =>
            Bars[high > low ? Math.Min(Bars.Length - 1, (int)((value - low) / (high - low) * Bars.Length)) : 0]));
    }
}
