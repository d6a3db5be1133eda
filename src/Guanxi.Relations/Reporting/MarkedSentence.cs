namespace Guanxi.Relations.Reporting;

/// <summary>A sentence in which both people are marked.</summary>
internal static class MarkedSentence
{
    /// <summary>The sentence as a paragraph; without sentence, the place of the row.</summary>
    public static Markup Of(RelationExample example)
    {
        var html = new MarkupWriter().Open("p", ("class", "sentence"), ("lang", Languages.Of(example.Text)));
        if (example.Text.Length == 0)
        {
            return html.Text($"{example.Place}").Close().ToMarkup();
        }

        var (first, second) = Mentions.Locate(example);
        if (TextSpan.Cross(first, second) || first == second)
        {
            return html.Text(example.Text).Close().ToMarkup();
        }

        var (outer, inner) = first.Start < second.Start || (first.Start == second.Start && first.End > second.End) ? (first, second)
            : (second, first);
        html.Text(example.Text[..outer.Start]);
        if (outer.Contains(inner))
        {
            Open(html, outer == first).Text(example.Text[outer.Start..inner.Start]);
            Open(html, inner == first).Text(inner.Of(example.Text)).Close();
            html.Text(example.Text[inner.End..outer.End]).Close().Text(example.Text[outer.End..]);
        }
        else
        {
            Open(html, outer == first).Text(outer.Of(example.Text)).Close().Text(example.Text[outer.End..inner.Start]);
            Open(html, inner == first).Text(inner.Of(example.Text)).Close().Text(example.Text[inner.End..]);
        }

        return html.Close().ToMarkup();
    }

    private static MarkupWriter Open(MarkupWriter html, bool isFirst) =>
        html.Open("mark", ("class", isFirst ? null : "second"), ("title", isFirst ? "first of the two" : "second of the two"));
}
