namespace Guanxi.Relations.Metrics;

/// <summary>Adjusts p values for the number of tests that were made.</summary>
/// <remarks>S. Holm, A simple sequentially rejective multiple test procedure, 1979.</remarks>
public static class HolmCorrection
{
    /// <summary>Adjusts a family of p values.</summary>
    /// <param name="values">p values from 0 to 1.</param>
    /// <returns>Adjusted p values in the same order, at most 1.</returns>
    public static double[] Adjust(IReadOnlyList<double> values)
    {
        var adjusted = new double[values.Count];
        var highest = 0.0;
        var left = values.Count;
        foreach (var index in Enumerable.Range(0, values.Count).OrderBy(index => values[index]))
        {
            highest = Math.Max(highest, Math.Min(1, left-- * values[index]));
            adjusted[index] = highest;
        }

        return adjusted;
    }
}
