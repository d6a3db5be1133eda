namespace Guanxi.Relations.Reporting.Charts;

/// <summary>A drawing that is being made: coordinates in units of a text of 13, the origin above on the left.</summary>
internal sealed class SvgChart
{
    /// <summary>Size of the letters, as the style sheet has it.</summary>
    public const double FontSize = 13;

    // A letter of a Latin sans-serif is about so wide; an ideograph is as wide as the font is large.
    private const double NarrowLetter = 0.56;

    private readonly MarkupWriter _markup = new();

    /// <summary>Begins a drawing.</summary>
    /// <param name="id">Different from that of every other drawing of the page.</param>
    /// <param name="title">What it shows.</param>
    /// <param name="description">What is to be seen in it, for those who cannot.</param>
    /// <param name="width">Width.</param>
    /// <param name="height">Height.</param>
    public SvgChart(string id, string title, string description, double width, double height)
    {
        (Width, Height) = (width, height);
        _markup
            .Open("svg", ("xmlns", "http://www.w3.org/2000/svg"), ("class", "chart"), ("role", "img"), ("lang", "en"),
                ("viewBox", $"0 0 {Numbers.Coordinate(width)} {Numbers.Coordinate(height)}"), ("width", width), ("height", height),
                ("aria-labelledby", $"{id}-title {id}-desc"))
            .Element("title", title, ("id", $"{id}-title"))
            .Element("desc", description, ("id", $"{id}-desc"));
    }

    /// <summary>Width of the whole.</summary>
    public double Width { get; }

    /// <summary>Height of the whole.</summary>
    public double Height { get; }

    /// <summary>About the width of a text.</summary>
    public static double WidthOf(string text) =>
        text.EnumerateRunes().Sum(rune => Languages.IsWide(rune) ? FontSize : FontSize * NarrowLetter);

    /// <summary>The beginning of a text that fits a width, with an ellipsis where something is missing.</summary>
    public static string Fit(string text, double width)
    {
        if (WidthOf(text) <= width)
        {
            return text;
        }

        var runes = text.EnumerateRunes().ToArray();
        var kept = runes.Length;
        while (kept > 1 && WidthOf(string.Concat(runes.Take(kept)) + "…") > width)
        {
            kept--;
        }

        return string.Concat(runes.Take(kept)) + "…";
    }

    /// <summary>A text.</summary>
    public SvgChart Text(double x, double y, string text, string style)
    {
        _markup.Element("text", text, ("x", x), ("y", y), ("class", style), ("lang", Languages.Of(text)));
        return this;
    }

    /// <summary>A text that reads from below upwards and ends at a point.</summary>
    public SvgChart UpwardText(double x, double y, string text, string style)
    {
        _markup.Element("text", text, ("class", style), ("lang", Languages.Of(text)),
            ("transform", $"translate({Numbers.Coordinate(x)} {Numbers.Coordinate(y)}) rotate(-90)"));
        return this;
    }

    /// <summary>A text whose letters stand below each other, the last one at a point; Chinese reads well so.</summary>
    public SvgChart StackedText(double x, double y, string text, string style)
    {
        var runes = text.EnumerateRunes().ToArray();
        _markup.Open("text", ("class", style), ("lang", Languages.Of(text)));
        foreach (var (at, rune) in runes.Index())
        {
            _markup.Element("tspan", rune.ToString(), ("x", x), ("y", y - ((runes.Length - 1 - at) * FontSize)));
        }

        _markup.Close();
        return this;
    }

    /// <summary>A straight line.</summary>
    public SvgChart Line(double x1, double y1, double x2, double y2, string style)
    {
        _markup.Empty("line", ("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2), ("class", style));
        return this;
    }

    /// <summary>A rectangle; with a hint it says something to a mouse that rests on it.</summary>
    public SvgChart Rectangle(double x, double y, double width, double height, string style, string? hint = null)
    {
        _markup.Open("rect", ("x", x), ("y", y), ("width", Math.Max(0, width)), ("height", Math.Max(0, height)), ("class", style));
        Hint(hint);
        return this;
    }

    /// <summary>A dot.</summary>
    public SvgChart Dot(double x, double y, double radius, string style, string? hint = null)
    {
        _markup.Open("circle", ("cx", x), ("cy", y), ("r", radius), ("class", style));
        Hint(hint);
        return this;
    }

    /// <summary>A line through points.</summary>
    public SvgChart Path(IEnumerable<(double X, double Y)> points, string style)
    {
        var path = string.Join('L', points.Select(point => $"{Numbers.Coordinate(point.X)} {Numbers.Coordinate(point.Y)}"));
        _markup.Empty("path", ("d", "M" + path), ("class", style));
        return this;
    }

    /// <summary>The finished drawing, as a part of a page.</summary>
    public Markup ToMarkup() => _markup.Close().ToMarkup();

    private void Hint(string? hint)
    {
        if (hint is not null)
        {
            _markup.Element("title", hint);
        }

        _markup.Close();
    }
}
