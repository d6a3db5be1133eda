namespace Guanxi.Relations.Reporting;

/// <summary>A page in one file: no script, and nothing that a browser would have to ask a network for.</summary>
internal sealed class ReportPage
{
    // The browser enforces what the page promises.
    private const string Policy = "default-src 'none'; style-src 'unsafe-inline'";

    private readonly List<(string Id, string Title, Markup Content)> _sections = [];

    /// <summary>A part of the page.</summary>
    /// <param name="id">Its anchor.</param>
    /// <param name="title">Its heading.</param>
    /// <param name="write">Writes what stands below the heading.</param>
    public ReportPage Section(string id, string title, Action<MarkupWriter> write)
    {
        var content = new MarkupWriter();
        write(content);
        _sections.Add((id, title, content.ToMarkup()));
        return this;
    }

    /// <summary>The facts at the end.</summary>
    public ReportPage About(IReadOnlyList<KeyValuePair<string, string>> facts) =>
        facts.Count == 0 ? this : Section("about", "Where these figures come from", html =>
    {
        html.Open("dl", ("class", "facts"));
        foreach (var (name, value) in facts)
        {
            html.Element("dt", name).Element("dd", value, ("lang", Languages.Of(value)));
        }

        html.Close();
    });

    /// <summary>The whole page.</summary>
    /// <param name="kind">What kind of report this is.</param>
    /// <param name="subject">What it is about.</param>
    /// <param name="lead">The most important in a sentence.</param>
    public string ToHtml(string kind, string subject, string lead)
    {
        var html = new MarkupWriter().Open("html", ("lang", Languages.Page)).Line().Open("head").Line();
        html.Empty("meta", ("charset", "utf-8")).Line();
        html.Empty("meta", ("name", "viewport"), ("content", "width=device-width, initial-scale=1")).Line();
        html.Empty("meta", ("http-equiv", "Content-Security-Policy"), ("content", Policy)).Line();
        html.Empty("meta", ("name", "color-scheme"), ("content", "light dark")).Line();
        html.Element("title", $"{subject} – {kind}").Line();
        html.Style(StyleSheets.Charts).Line().Style(StyleSheets.Page).Line().Close().Line();
        html.Open("body").Line().Element("a", "Skip to the figures", ("class", "skip"), ("href", "#figures")).Line();
        html.Open("header", ("class", "head")).Element("p", kind, ("class", "kicker"))
            .Element("h1", subject, ("lang", Languages.Of(subject)));
        html.Element("p", lead, ("class", "lead"), ("lang", Languages.Of(lead)));
        WriteContents(html);
        html.Close().Line().Open("main", ("id", "figures")).Line();
        foreach (var (id, title, content) in _sections)
        {
            html.Open("section", ("id", id), ("aria-labelledby", $"{id}-heading")).Element("h2", title, ("id", $"{id}-heading"))
                .Add(content).Close().Line();
        }

        html.Close().Line().Element("footer", "Written by Guanxi. Colours follow the reader’s light or dark setting.", ("class", "foot"));
        return $"<!DOCTYPE html>\n{html.Close().Close().ToMarkup()}\n";
    }

    private void WriteContents(MarkupWriter html)
    {
        html.Open("nav", ("aria-label", "Contents")).Open("ul", ("class", "contents"));
        foreach (var (id, title, _) in _sections)
        {
            html.Open("li").Element("a", title, ("href", $"#{id}")).Close();
        }

        html.Close().Close();
    }
}
