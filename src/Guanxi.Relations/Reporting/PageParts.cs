namespace Guanxi.Relations.Reporting;

/// <summary>Parts that several pages have.</summary>
internal static class PageParts
{
    /// <summary>A paragraph.</summary>
    public static MarkupWriter Paragraph(this MarkupWriter html, string text, string? style = null) =>
        html.Element("p", text, ("class", style), ("lang", Languages.Of(text)));

    /// <summary>A list of sentences.</summary>
    public static MarkupWriter Sentences(this MarkupWriter html, IEnumerable<string> sentences)
    {
        html.Open("ul", ("class", "plain"));
        foreach (var sentence in sentences)
        {
            html.Element("li", sentence, ("lang", Languages.Of(sentence)));
        }

        return html.Close();
    }

    /// <summary>A large figure.</summary>
    public static MarkupWriter Card(this MarkupWriter html, string name, string figure, string note, bool isMain = false) => html
        .Open("div", ("class", isMain ? "card main" : "card")).Element("dt", name)
        .Open("dd").Element("div", figure, ("class", "figure")).Element("div", note, ("class", "note")).Close()
        .Close();

    /// <summary>A drawing with a caption; a wide one scrolls where there is no room for it.</summary>
    public static MarkupWriter Figure(this MarkupWriter html, Markup chart, string caption, string? scrolledAs = null)
    {
        html.Open("figure");
        if (scrolledAs is not null)
        {
            html.OpenScroll(scrolledAs).Add(chart).Close();
        }
        else
        {
            html.Add(chart);
        }

        return html.Element("figcaption", caption, ("lang", Languages.Of(caption))).Close();
    }

    /// <summary>Begins what scrolls sideways where there is no room; a keyboard reaches it.</summary>
    public static MarkupWriter OpenScroll(this MarkupWriter html, string name) =>
        html.Open("div", ("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", name));

    /// <summary>Begins a table that scrolls, and writes its headings.</summary>
    public static MarkupWriter OpenTable(this MarkupWriter html, string name, params ReadOnlySpan<string> headings)
    {
        html.OpenScroll(name).Open("table").Open("thead").Open("tr");
        foreach (var heading in headings)
        {
            html.Element("th", heading, ("scope", "col"), ("lang", Languages.Of(heading)));
        }

        return html.Close().Close().Open("tbody");
    }

    /// <summary>Ends a table.</summary>
    public static MarkupWriter CloseTable(this MarkupWriter html) => html.Close().Close().Close();

    /// <summary>Begins a row of a table.</summary>
    public static MarkupWriter OpenRow(this MarkupWriter html, string heading) =>
        html.Open("tr").Element("th", heading, ("scope", "row"), ("lang", Languages.Of(heading)));

    /// <summary>A row of numbers.</summary>
    public static MarkupWriter Row(this MarkupWriter html, string heading, params ReadOnlySpan<string> cells)
    {
        html.OpenRow(heading);
        foreach (var cell in cells)
        {
            html.Element("td", cell);
        }

        return html.Close();
    }

    /// <summary>A cell with a bar as long as its score.</summary>
    public static MarkupWriter BarCell(this MarkupWriter html, double score) => html.Open("td")
        .Open("span", ("class", "bar"), ("aria-hidden", "true"))
            .Element("span", string.Empty, ("style", $"width:{Numbers.Coordinate(100 * score)}%")).Close()
        .Text(Numbers.Score(score)).Close();
}
