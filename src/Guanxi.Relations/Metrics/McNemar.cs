namespace Guanxi.Relations.Metrics;

/// <summary>Whether two classifiers that answered the same rows differ in accuracy by more than chance.</summary>
/// <param name="OnlyFirstRight">Rows that only the first classifier has right.</param>
/// <param name="OnlySecondRight">Rows that only the second classifier has right.</param>
/// <param name="Exact">Two-sided p of the exact binomial test.</param>
/// <param name="MidP">Two-sided mid-p: less conservative, the probability of the observed count counts half.</param>
public sealed record McNemar(int OnlyFirstRight, int OnlySecondRight, double Exact, double MidP)
{
    /// <summary>Tests two sets of predictions.</summary>
    /// <param name="truth">True labels.</param>
    /// <param name="first">Predictions of the first classifier, as many.</param>
    /// <param name="second">Predictions of the second classifier, as many.</param>
    /// <returns>Counts and p values.</returns>
    public static McNemar Of(IReadOnlyList<string> truth, IReadOnlyList<string> first, IReadOnlyList<string> second)
    {
        var (onlyFirst, onlySecond) = (0, 0);
        for (var row = 0; row < truth.Count; row++)
        {
            var (firstRight, secondRight) = (first[row] == truth[row], second[row] == truth[row]);
            onlyFirst += firstRight && !secondRight ? 1 : 0;
            onlySecond += secondRight && !firstRight ? 1 : 0;
        }

        return Of(onlyFirst, onlySecond);
    }

    /// <summary>Tests two counts.</summary>
    /// <param name="onlyFirstRight">Rows that only the first has right, from 0.</param>
    /// <param name="onlySecondRight">Rows that only the second has right, from 0.</param>
    /// <returns>Counts and p values; 1 when there is no row on which they differ.</returns>
    public static McNemar Of(int onlyFirstRight, int onlySecondRight)
    {
        var rows = onlyFirstRight + onlySecondRight;
        if (rows == 0)
        {
            return new McNemar(0, 0, 1, 1);
        }

        var fewer = Math.Min(onlyFirstRight, onlySecondRight);
        var (at, below) = FairCoin(fewer, rows);
        var exact = onlyFirstRight == onlySecondRight ? 1 : Math.Min(1, 2 * (below + at));
        return new McNemar(onlyFirstRight, onlySecondRight, exact, Math.Min(1, (2 * below) + at));
    }

    /// <summary>Probabilities that a fair coin shows heads exactly so often, and less often.</summary>
    private static (double At, double Below) FairCoin(int heads, int tosses)
    {
        var logAt = -tosses * Math.Log(2);
        for (var k = 1; k <= heads; k++)
        {
            logAt += Math.Log((double)(tosses - heads + k) / k);
        }

        // Each term is the one above it times k / (n - k + 1); only the first needs the logarithm.
        var (ratio, sum) = (1.0, 0.0);
        for (var k = heads; k > 0; k--)
        {
            ratio *= (double)k / (tosses - k + 1);
            sum += ratio;
        }

        return (Math.Exp(logAt), Math.Exp(logAt) * sum);
    }
}
