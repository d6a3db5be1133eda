namespace Guanxi.Relations.Metrics;

/// <summary>
/// Adds numbers in numpy's order, so that averages agree with scikit-learn to the last bit and their rounded text always.
/// </summary>
/// <remarks>numpy/_core/src/umath/loops_utils.h, pairwise sum: eight partial sums, then the rest; halves beyond 128 numbers.</remarks>
internal static class PairwiseSum
{
    private const int Lanes = 8;
    private const int Block = 128;

    public static double Of(ReadOnlySpan<double> numbers)
    {
        if (numbers.Length > Block)
        {
            var half = numbers.Length / 2;
            half -= half % Lanes;
            return Of(numbers[..half]) + Of(numbers[half..]);
        }

        var whole = numbers.Length - (numbers.Length % Lanes);
        var sum = whole > 0 ? OfLanes(numbers[..whole]) : 0;
        foreach (var number in numbers[whole..])
        {
            sum += number;
        }

        return sum;
    }

    private static double OfLanes(ReadOnlySpan<double> numbers)
    {
        Span<double> lane = stackalloc double[Lanes];
        for (var at = 0; at < numbers.Length; at++)
        {
            lane[at % Lanes] += numbers[at];
        }

        return (lane[0] + lane[1] + (lane[2] + lane[3])) + (lane[4] + lane[5] + (lane[6] + lane[7]));
    }
}
