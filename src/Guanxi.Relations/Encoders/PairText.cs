namespace Guanxi.Relations.Encoders;

/// <summary>A row as the text that an encoder reads.</summary>
/// <param name="Text">The text.</param>
/// <param name="First">The first person's mention with its signs, in <see cref="Text"/>.</param>
/// <param name="Second">The second person's.</param>
/// <param name="Head">UTF-16 units at the beginning that are no part of the sentence.</param>
internal sealed record PairText(string Text, TextSpan First, TextSpan Second, int Head)
{
    private const char Hidden = '#';
    private const char Separator = '$';

    private static readonly PairMarkers s_markers = new("$", "$", "#", "#");

    /// <summary>The sentence with <c>$</c> around the first mention and <c>#</c> around the second, as R-BERT has it.</summary>
    /// <param name="example">A row; its spans say which mentions are meant, else see <see cref="Mentions.Locate"/>.</param>
    public static PairText Marked(RelationExample example)
    {
        var (first, second) = Mentions.Locate(example);
        var marked = EntityMarkers.Surround(example.Text, first, second, s_markers);
        return new PairText(marked.Text, marked.Span1, marked.Span2, 0);
    }

    /// <summary>Both names, each with <c>$</c> behind it, and the sentence with a <c>#</c> for every character of every mention of the first person, and then
    /// of the second: the older form of the published runs.</summary>
    /// <param name="example">A row.</param>
    public static PairText Masked(RelationExample example)
    {
        var head = $"{example.Person1}{Separator}{example.Person2}{Separator}";
        var (first, second) = Mentions.Locate(example);
        return new PairText(head + Mask(example.Text), Moved(first), Moved(second), head.Length);

        string Mask(string text) => Replace(Replace(text, example.Person1), example.Person2);

        // A name that is longer in UTF-16 than in characters moves what is behind it. Where a name begins inside another this is a
        // few characters off, which matters only to what is cut off a very long sentence.
        TextSpan Moved(TextSpan span) => new(head.Length + Mask(example.Text[..span.Start]).Length, head.Length + Mask(example.Text[..span.End]).Length);
    }

    private static string Replace(string text, string name) =>
        text.Replace(name, new string(Hidden, CodePointOrder.Count(name)), StringComparison.Ordinal);
}
