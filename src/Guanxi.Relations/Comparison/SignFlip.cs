namespace Guanxi.Relations.Comparison;

/// <summary>Whether two systems' rightness differs over rows, by flipping at random which of the two each row belongs to.</summary>
/// <remarks>Fisher's randomisation test for paired values; for two single runs it asks the same question as McNemar's test.</remarks>
internal static class SignFlip
{
    // Sums of thirds in another order are equal, not smaller.
    private const double Tolerance = 1e-9;

    private const int Draws = 10_000;

    /// <summary>Tests two systems.</summary>
    /// <param name="first">Rightness of the first on every row, 0 to 1.</param>
    /// <param name="second">Rightness of the second on the same rows.</param>
    /// <param name="seed">The same seed gives the same p.</param>
    /// <returns>Two-sided p; 1 when no row differs.</returns>
    public static double P(double[] first, double[] second, long seed)
    {
        double[] differences = [.. second.Zip(first, (high, low) => high - low).Where(value => value != 0)];
        if (differences.Length == 0)
        {
            return 1;
        }

        var random = new SeededRandom(seed);
        var found = Math.Abs(differences.Sum()) - Tolerance;
        var asLarge = 0;
        for (var draw = 0; draw < Draws; draw++)
        {
            var sum = 0.0;
            foreach (var value in differences)
            {
                sum += random.Next(2) == 0 ? value : -value;
            }

            asLarge += Math.Abs(sum) >= found ? 1 : 0;
        }

        return (asLarge + 1.0) / (Draws + 1);
    }
}
