namespace Guanxi.Relations;

/// <summary>Orders texts by code point, as Python does.</summary>
/// <remarks>
/// Ordinal comparison goes by UTF-16 unit, so it puts U+E000..U+FFFF after everything beyond the BMP; here surrogates come last.
/// </remarks>
public static class CodePointOrder
{
    /// <summary>The comparer.</summary>
    public static IComparer<string> Comparer { get; } = Comparer<string>.Create(Compare);

    /// <summary>Number of code points of a text; a lone surrogate counts as one.</summary>
    /// <param name="text">Any text.</param>
    /// <returns>What Python's <c>len</c> says.</returns>
    public static int Count(string text)
    {
        var count = 0;
        for (var at = 0; at < text.Length; at++)
        {
            if (char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]))
            {
                at++;
            }

            count++;
        }

        return count;
    }

    private static int Compare(string? left, string? right)
    {
        if (left is null || right is null)
        {
            return (left is null ? 0 : 1) - (right is null ? 0 : 1);
        }

        var shared = Math.Min(left.Length, right.Length);
        for (var at = 0; at < shared; at++)
        {
            if (left[at] != right[at])
            {
                return char.IsSurrogate(left[at]) == char.IsSurrogate(right[at])
                    ? left[at].CompareTo(right[at])
                    : (char.IsSurrogate(left[at]) ? 1 : -1);
            }
        }

        return left.Length.CompareTo(right.Length);
    }
}
