using System.Text;

namespace Guanxi.Relations.Tfidf;

/// <summary>What a row looks like to the linear baseline: several texts, whose character n-grams are counted apart.</summary>
/// <remarks>People are written as characters of the private use area, which no text holds.</remarks>
internal static class PairViews
{
    private const char First = '\ue001';
    private const char Second = '\ue002';
    private const char FirstComesFirst = '\ue003';
    private const char SecondComesFirst = '\ue004';
    private const char SameBeginning = '\ue005';
    private const char OneInTheOther = '\ue006';
    private const char Apart = '\ue007';

    private static readonly (string Name, Func<View, string> Make)[] s_views =
    [
        ("marked", Marked), ("masked", Masked), ("between", Between), ("around", Around), ("pair", Pair),
    ];

    /// <summary>Names of the texts, in the order of <see cref="Of"/>.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_views.Select(view => view.Name)];

    /// <summary>The texts of a row.</summary>
    /// <param name="example">A row; both names occur in its text.</param>
    /// <returns>One text a name of <see cref="Names"/>.</returns>
    public static string[] Of(RelationExample example)
    {
        var (first, second) = Mentions.Locate(example);
        var view = new View(example, first, second);
        return [.. s_views.Select(item => item.Make(view))];
    }

    /// <summary>The sentence with its markers: names count.</summary>
    private static string Marked(View row) => EntityMarkers.Surround(row.Text, row.First, row.Second, PairMarkers.Inline).Text;

    /// <summary>The sentence with a sign for each mention: names do not count.</summary>
    private static string Masked(View row)
    {
        var text = new StringBuilder(row.Text.Length);
        var last = 0;
        foreach (var (span, sign) in new[] { (Span: row.First, First), (Span: row.Second, Second) }.OrderBy(item => item.Span.Start))
        {
            text.Append(row.Text, last, Math.Max(span.Start, last) - last).Append(sign);
            last = Math.Max(span.End, last);
        }

        return text.Append(row.Text, last, row.Text.Length - last).ToString();
    }

    /// <summary>What stands between the two, framed by their order.</summary>
    private static string Between(View row)
    {
        var (start, end) = (Math.Min(row.First.End, row.Second.End), Math.Max(row.First.Start, row.Second.Start));
        return $"{row.Order}{(start < end ? row.Text[start..end] : string.Empty)}{row.Order}";
    }

    /// <summary>A few characters around each mention: what is said of either.</summary>
    private static string Around(View row)
    {
        const int Reach = 6;
        return $"{Near(row.First, First)}{row.Order}{Near(row.Second, Second)}";

        string Near(TextSpan span, char sign) =>
            $"{row.Text[Math.Max(0, span.Start - Reach)..span.Start]}{sign}{row.Text[span.End..Math.Min(row.Text.Length, span.End + Reach)]}";
    }

    /// <summary>How the two names are alike: families share a first character, names of one person each other's.</summary>
    private static string Pair(View row)
    {
        var (one, two) = (row.Example.Person1, row.Example.Person2);
        var kind = one.Contains(two, StringComparison.Ordinal) || two.Contains(one, StringComparison.Ordinal) ? OneInTheOther
            : one[0] == two[0] ? SameBeginning
            : Apart;
        return $"{kind}{Math.Min(one.Length, 5)}{kind}{Math.Min(two.Length, 5)}{kind}";
    }

    private sealed record View(RelationExample Example, TextSpan First, TextSpan Second)
    {
        public string Text => Example.Text;

        public char Order => First.Start <= Second.Start ? FirstComesFirst : SecondComesFirst;
    }
}
