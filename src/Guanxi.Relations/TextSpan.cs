using System.Globalization;

namespace Guanxi.Relations;

/// <summary>A half-open range of a text, in UTF-16 units.</summary>
/// <param name="Start">First unit.</param>
/// <param name="End">The unit after the last.</param>
public readonly record struct TextSpan(int Start, int End)
{
    /// <summary>Number of UTF-16 units.</summary>
    public int Length => End - Start;

    /// <summary>Whether another range lies wholly in this one; equal ranges contain each other.</summary>
    /// <param name="other">The other range.</param>
    /// <returns>True when nothing of it lies outside.</returns>
    public bool Contains(TextSpan other) => Start <= other.Start && other.End <= End;

    /// <summary>Whether two ranges share a unit.</summary>
    /// <param name="other">The other range.</param>
    /// <returns>False for ranges that only touch.</returns>
    public bool Overlaps(TextSpan other) => Start < other.End && other.Start < End;

    /// <summary>Whether two ranges share units and neither contains the other.</summary>
    /// <param name="first">A range.</param>
    /// <param name="second">Another range.</param>
    /// <returns>True when markers around them would cross.</returns>
    public static bool Cross(TextSpan first, TextSpan second) =>
        first.Overlaps(second) && !first.Contains(second) && !second.Contains(first);

    /// <summary>Reads a range as JSON and tables write it.</summary>
    /// <param name="text">Text such as <c>[3, 5]</c>.</param>
    /// <returns>The range, or null when the text is none.</returns>
    internal static TextSpan? TryParse(string text)
    {
        var parts = text.Trim() is ['[', .. var inner, ']'] ? inner.Split(',') : [];
        return parts is [var start, var end]
            && int.TryParse(start, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var from)
            && int.TryParse(end, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var to)
            ? new TextSpan(from, to)
            : null;
    }

    /// <summary>Whether this is a non-empty range of a text of a given length.</summary>
    /// <param name="textLength">UTF-16 units of the text.</param>
    /// <returns>True when <see cref="Of"/> may be called.</returns>
    public bool Fits(int textLength) => Start >= 0 && Start < End && End <= textLength;

    /// <summary>The part of a text that this range names.</summary>
    /// <param name="text">A text that the range fits.</param>
    /// <returns>The units from <see cref="Start"/> to <see cref="End"/>.</returns>
    public string Of(string text) => text[Start..End];
}
