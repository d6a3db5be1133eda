using System.Globalization;
using Guanxi.Relations.Metrics;

namespace Guanxi.Relations.Reporting;

/// <summary>Numbers as the reports write them.</summary>
internal static class Numbers
{
    private const double SmallestShown = 0.001;
    private const double SmallestPoints = 0.0005;

    // The space does not break.
    private const string PercentSign = "\u00A0%";

    /// <summary>A place in a drawing.</summary>
    public static string Coordinate(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    /// <summary>A score from 0 to 1: three digits.</summary>
    public static string Score(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    /// <summary>A score with both ends of its interval.</summary>
    public static string Range(Interval interval) => $"{Score(interval.Low)} – {Score(interval.High)}";

    /// <summary>Both ends of an interval as percent.</summary>
    public static string PercentRange(Interval interval) => $"{Percent(interval.Low)[..^PercentSign.Length]} – {Percent(interval.High)}";

    /// <summary>A share as percent with one digit.</summary>
    public static string Percent(double share) => (100 * share).ToString("0.0", CultureInfo.InvariantCulture) + PercentSign;

    /// <summary>A share as whole percent.</summary>
    public static string WholePercent(double share) => (100 * share).ToString("0", CultureInfo.InvariantCulture) + PercentSign;

    /// <summary>A difference of two scores in points, a hundredth each, with its sign.</summary>
    public static string Points(double difference) =>
        Math.Abs(difference) < SmallestPoints ? "0.0" : (100 * difference).ToString("+0.0;−0.0", CultureInfo.InvariantCulture);

    /// <summary>A whole number with its thousands apart.</summary>
    public static string Count(double number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A number and what it counts, in the singular or the plural.</summary>
    public static string Count(int number, string one) => $"{Count(number)} {one}{(number == 1 ? string.Empty : "s")}";

    /// <summary>A probability of chance.</summary>
    public static string P(double p) => p < SmallestShown ? "below 0.001" : Score(p);

    /// <summary>A number with four significant digits.</summary>
    public static string Short(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
