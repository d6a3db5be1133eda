using System.Text;

namespace Guanxi.Relations.Reporting;

/// <summary>Finished HTML or SVG, in which every text is escaped; only <see cref="MarkupWriter"/> makes it.</summary>
/// <param name="Text">The markup.</param>
internal readonly record struct Markup(string Text)
{
    public override string ToString() => Text;
}

/// <summary>Writes HTML and SVG. Whatever is a text or the value of an attribute is escaped; elements are closed in order.</summary>
internal sealed class MarkupWriter
{
    private readonly StringBuilder _text = new();
    private readonly Stack<string> _open = new();

    /// <summary>Begins an element.</summary>
    /// <param name="name">Its name, one of ours.</param>
    /// <param name="attributes">Names and values; those without a value are left out.</param>
    public MarkupWriter Open(string name, params ReadOnlySpan<(string Name, object? Value)> attributes)
    {
        Begin(name, attributes).Append('>');
        _open.Push(name);
        return this;
    }

    /// <summary>Ends the element begun last.</summary>
    public MarkupWriter Close()
    {
        _text.Append("</").Append(_open.Pop()).Append('>');
        return this;
    }

    /// <summary>An element that holds a text.</summary>
    public MarkupWriter Element(string name, string text, params ReadOnlySpan<(string Name, object? Value)> attributes) =>
        Open(name, attributes).Text(text).Close();

    /// <summary>An element without content.</summary>
    public MarkupWriter Empty(string name, params ReadOnlySpan<(string Name, object? Value)> attributes)
    {
        Begin(name, attributes).Append("/>");
        return this;
    }

    /// <summary>A text.</summary>
    public MarkupWriter Text(string text)
    {
        Escape(text);
        return this;
    }

    /// <summary>Markup that is finished.</summary>
    public MarkupWriter Add(Markup markup)
    {
        _text.Append(markup.Text);
        return this;
    }

    /// <summary>A style sheet of this program; within it nothing is escaped.</summary>
    public MarkupWriter Style(string sheet)
    {
        _text.Append("<style>").Append(sheet).Append("</style>");
        return this;
    }

    /// <summary>The end of a line, so that the source can be read.</summary>
    public MarkupWriter Line()
    {
        _text.Append('\n');
        return this;
    }

    /// <summary>What was written, when all elements are closed.</summary>
    public Markup ToMarkup() => _open.Count == 0 ? new Markup(_text.ToString())
        : throw new InvalidOperationException($"<{_open.Peek()}> is not closed");

    private StringBuilder Begin(string name, ReadOnlySpan<(string Name, object? Value)> attributes)
    {
        _text.Append('<').Append(name);
        foreach (var (attribute, value) in attributes)
        {
            if (value is not null)
            {
                _text.Append(' ').Append(attribute).Append("=\"");
                Escape(value is double number ? Numbers.Coordinate(number) : $"{value}");
                _text.Append('"');
            }
        }

        return _text;
    }

    private void Escape(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            // Control characters are no part of XML, and lone surrogates come as U+FFFD already.
            _ = rune.Value switch
            {
                '&' => _text.Append("&amp;"),
                '<' => _text.Append("&lt;"),
                '>' => _text.Append("&gt;"),
                '"' => _text.Append("&quot;"),
                '\'' => _text.Append("&#39;"),
                < ' ' and not ('\t' or '\n') or 0x7F or (>= 0x80 and < 0xA0) or 0xFFFE or 0xFFFF => _text.Append('\uFFFD'),
                _ => _text.Append(rune.ToString()),
            };
        }
    }
}
