namespace Guanxi.Relations;

/// <summary>Finds the places of names in a sentence.</summary>
public static class Mentions
{
    // Scripts below this one, Thai, put spaces between words.
    private const char FirstWithoutSpaces = '\u0E00';

    /// <summary>All places of a name, overlapping ones too.</summary>
    /// <param name="text">The sentence.</param>
    /// <param name="name">The name, compared unit by unit; not empty.</param>
    /// <returns>Ranges in the order of the text; those inside a longer word (Ann in Annabel) only where there are no others.</returns>
    public static IReadOnlyList<TextSpan> All(string text, string name)
    {
        var places = Everywhere(text, name);
        List<TextSpan> whole = [.. places.Where(place => !Joins(text, place.Start) && !Joins(text, place.End))];
        return whole.Count > 0 ? whole : places;
    }

    /// <summary>All places of a text in another.</summary>
    /// <param name="text">The other.</param>
    /// <param name="part">The text, compared unit by unit; not empty.</param>
    /// <returns>Ranges in their order, overlapping ones too.</returns>
    internal static IReadOnlyList<TextSpan> Everywhere(string text, string part)
    {
        var places = new List<TextSpan>();
        for (var at = text.IndexOf(part, StringComparison.Ordinal); at >= 0; at = text.IndexOf(part, at + 1, StringComparison.Ordinal))
        {
            places.Add(new TextSpan(at, at + part.Length));
        }

        return places;
    }

    /// <summary>The two mentions that a row is about.</summary>
    /// <param name="example">A row; both names occur in its text.</param>
    /// <returns>
    /// The row's spans where it has them. Else the first mention of the name that is not part of the other person's (in 李德全 the 德全 names
    /// somebody else only where it stands alone); where every mention is, the first.
    /// </returns>
    public static (TextSpan First, TextSpan Second) Locate(RelationExample example)
    {
        if (example is { Span1: { } known1, Span2: { } known2 })
        {
            return (known1, known2);
        }

        var longerIsFirst = example.Person1.Length >= example.Person2.Length;
        var (longer, shorter) = longerIsFirst ? (example.Person1, example.Person2) : (example.Person2, example.Person1);
        var (longerSpan, shorterSpan) = longerIsFirst ? (example.Span1, example.Span2) : (example.Span2, example.Span1);
        var longerAt = longerSpan ?? Choose(example.Text, longer, shorterSpan is { } taken ? [taken] : []);
        var shorterAt = shorterSpan ?? Choose(example.Text, shorter, longer == shorter ? [longerAt] : All(example.Text, longer));
        return longerIsFirst ? (longerAt, shorterAt) : (shorterAt, longerAt);
    }

    /// <summary>Whether the units on both sides of a place belong to one word.</summary>
    private static bool Joins(string text, int at) => at > 0 && at < text.Length && IsOfWord(text[at - 1]) && IsOfWord(text[at]);

    private static bool IsOfWord(char unit) => unit < FirstWithoutSpaces && char.IsLetterOrDigit(unit);

    private static TextSpan Choose(string text, string name, IReadOnlyList<TextSpan> avoid)
    {
        var places = All(text, name);
        foreach (var place in places)
        {
            if (!avoid.Any(other => other.Overlaps(place)))
            {
                return place;
            }
        }

        return places[0];
    }
}
