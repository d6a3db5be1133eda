namespace Guanxi.Transformers.Tokenization.Unicode;

/// <summary>A text that was made of another one, with the place in that one of each of its UTF-16 units.</summary>
/// <param name="Text">The new text.</param>
/// <param name="Starts">Where the source of each unit begins.</param>
/// <param name="Ends">Where the source of each unit ends.</param>
internal sealed record AlignedText(string Text, int[] Starts, int[] Ends)
{
    /// <summary>A part of a text with one character more in front, which has no place of its own.</summary>
    /// <param name="prefix">The character.</param>
    /// <param name="text">The part.</param>
    /// <param name="origin">Where the part begins.</param>
    public static AlignedText WithPrefix(char prefix, ReadOnlySpan<char> text, int origin)
    {
        var (starts, ends) = (new int[text.Length + 1], new int[text.Length + 1]);
        for (var i = 0; i <= text.Length; i++)
        {
            (starts[i], ends[i]) = (origin + Math.Max(i - 1, 0), origin + i);
        }

        return new AlignedText($"{prefix}{text}", starts, ends);
    }

    /// <summary>Where the source of a unit begins.</summary>
    public int StartOf(int unit) => unit < Starts.Length ? Starts[unit] : EndOf(unit);

    /// <summary>Where the source of the unit before a place ends.</summary>
    public int EndOf(int end) => end > 0 ? Ends[end - 1] : 0;

    /// <summary>Makes places in a text that was made of another into places of that one's source.</summary>
    /// <param name="earlier">The other one; null when it is the source.</param>
    public AlignedText After(AlignedText? earlier) => earlier is null
        ? this
        : new AlignedText(Text, [.. Starts.Select(earlier.StartOf)], [.. Ends.Select(earlier.EndOf)]);
}
