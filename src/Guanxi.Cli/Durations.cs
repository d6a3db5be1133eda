using System.Globalization;

namespace Guanxi.Cli;

/// <summary>Times for people.</summary>
internal static class Durations
{
    /// <summary>A time as coarse as its length allows, e.g. <c>2 h 5 min</c>, <c>7 min</c>, <c>40 s</c>.</summary>
    public static string Show(TimeSpan time) => time switch
    {
        { TotalHours: >= 1 } => Invariant($"{(int)time.TotalHours} h {time.Minutes} min"),
        { TotalMinutes: >= 1 } => Invariant($"{(int)time.TotalMinutes} min"),
        _ => Invariant($"{Math.Ceiling(time.TotalSeconds):0} s"),
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
