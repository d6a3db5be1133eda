using System.Text;

namespace Guanxi.Relations;

/// <summary>A sentence whose markers were taken out.</summary>
/// <param name="Text">The sentence.</param>
/// <param name="Span1">What stood between <c>&lt;e1&gt;</c> and <c>&lt;/e1&gt;</c>.</param>
/// <param name="Span2">What stood between <c>&lt;e2&gt;</c> and <c>&lt;/e2&gt;</c>.</param>
public sealed record MarkedText(string Text, TextSpan Span1, TextSpan Span2);

/// <summary>Signs around the mentions of two people.</summary>
internal sealed record PairMarkers(string Open1, string Close1, string Open2, string Close2)
{
    /// <summary>Those of data files.</summary>
    public static PairMarkers Inline { get; } = new("<e1>", "</e1>", "<e2>", "</e2>");
}

/// <summary>Reads and writes the inline markers <c>&lt;e1&gt;..&lt;/e1&gt;</c> and <c>&lt;e2&gt;..&lt;/e2&gt;</c>.</summary>
/// <remarks>
/// One pair may stand inside the other or next to it; a name is its whole text, inner markers taken out.
/// Crossing pairs are a fault.
/// </remarks>
public static class EntityMarkers
{
    /// <summary>Whether a text holds any of the four markers.</summary>
    /// <param name="text">Any text.</param>
    /// <returns>True when <see cref="Parse"/> would take something out.</returns>
    public static bool HasAny(string text)
    {
        for (var at = 0; at < text.Length; at++)
        {
            if (MarkerAt(text, at).Length > 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Takes the markers out of a sentence.</summary>
    /// <param name="marked">The sentence with its four markers.</param>
    /// <param name="faults">Receives every fault, with its column in <paramref name="marked"/>.</param>
    /// <returns>The sentence and both spans, or null when there was a fault.</returns>
    public static MarkedText? Parse(string marked, ICollection<InputFault> faults)
    {
        var text = new StringBuilder(marked.Length);
        var pairs = new[] { new Pair("e1"), new Pair("e2") };
        var before = faults.Count;
        for (var at = 0; at < marked.Length;)
        {
            var (person, closing, length) = MarkerAt(marked, at);
            if (length == 0)
            {
                text.Append(marked[at++]);
                continue;
            }

            pairs[person - 1].Take(closing, at + 1, text.Length, faults);
            at += length;
        }

        var sentence = text.ToString();
        foreach (var pair in pairs)
        {
            pair.Finish(sentence, marked, faults);
        }

        if (faults.Count > before)
        {
            return null;
        }

        var (span1, span2) = (pairs[0].Span, pairs[1].Span);
        if (pairs[0].CrossesWith(pairs[1]))
        {
            faults.Add(Fault(Math.Max(pairs[0].OpenColumn, pairs[1].OpenColumn), "the markers of the two names cross",
                "one pair inside the other, or apart"));
            return null;
        }

        return new MarkedText(sentence, span1, span2);
    }

    /// <summary>Puts markers around two ranges of a sentence.</summary>
    /// <param name="text">The sentence without markers.</param>
    /// <param name="span1">Mention of the first person.</param>
    /// <param name="span2">Mention of the second person; it must not cross the first.</param>
    /// <returns>The marked sentence. Of equal ranges the first person's markers are the outer ones.</returns>
    /// <exception cref="ArgumentException">The ranges cross.</exception>
    public static string Mark(string text, TextSpan span1, TextSpan span2)
    {
        if (TextSpan.Cross(span1, span2))
        {
            throw new ArgumentException($"{span2} crosses {span1}", nameof(span2));
        }

        return Surround(text, span1, span2, PairMarkers.Inline).Text;
    }

    /// <summary>Puts signs around two ranges of a sentence, whether or not they cross.</summary>
    /// <param name="text">The sentence.</param>
    /// <param name="span1">Mention of the first person.</param>
    /// <param name="span2">Mention of the second person.</param>
    /// <param name="markers">The signs.</param>
    /// <returns>The new sentence, and in it both ranges with the signs around them. Of equal ranges the first person's is the outer one.</returns>
    internal static MarkedText Surround(string text, TextSpan span1, TextSpan span2, PairMarkers markers)
    {
        var firstIsOuter = span1.Start < span2.Start || (span1.Start == span2.Start && span1.End >= span2.End);
        var (outer, inner) = firstIsOuter ? (span1, span2) : (span2, span1);
        var (outerSigns, innerSigns) = firstIsOuter
            ? ((Open: markers.Open1, Close: markers.Close1), (Open: markers.Open2, Close: markers.Close2))
            : ((Open: markers.Open2, Close: markers.Close2), (Open: markers.Open1, Close: markers.Close1));
        var (openOuter, closeOuter) = (new Insertion(outer.Start, outerSigns.Open), new Insertion(outer.End, outerSigns.Close));
        var (openInner, closeInner) = (new Insertion(inner.Start, innerSigns.Open), new Insertion(inner.End, innerSigns.Close));
        Insertion[] marks = outer.End >= inner.End ? [openOuter, openInner, closeInner, closeOuter]
            : inner.Start >= outer.End ? [openOuter, closeOuter, openInner, closeInner]
            : [openOuter, openInner, closeOuter, closeInner];
        var result = new StringBuilder(text.Length + marks.Sum(mark => mark.Sign.Length));
        var last = 0;
        foreach (var mark in marks)
        {
            result.Append(text, last, mark.Place - last);
            mark.At = result.Length;
            result.Append(mark.Sign);
            last = mark.Place;
        }

        result.Append(text, last, text.Length - last);
        var (around, within) = (new TextSpan(openOuter.At, closeOuter.At + closeOuter.Sign.Length), new TextSpan(openInner.At, closeInner.At + closeInner.Sign.Length));
        return firstIsOuter ? new MarkedText(result.ToString(), around, within) : new MarkedText(result.ToString(), within, around);
    }

    private static InputFault Fault(int column, string what, string? expected = null, string? hint = null) =>
        new(DataRules.Marker, RelationInput.TextField, column, what, expected, null, hint);

    private static (int Person, bool Closing, int Length) MarkerAt(string text, int at)
    {
        if (text[at] != '<')
        {
            return default;
        }

        var closing = at + 1 < text.Length && text[at + 1] == '/';
        var name = at + (closing ? 2 : 1);
        var isMarker = name + 2 < text.Length && text[name] == 'e' && text[name + 1] is '1' or '2' && text[name + 2] == '>';
        return isMarker ? (text[name + 1] - '0', closing, name + 3 - at) : default;
    }

    /// <summary>A sign on its way into a text.</summary>
    private sealed record Insertion(int Place, string Sign)
    {
        /// <summary>Where it stands in the new text.</summary>
        public int At { get; set; }
    }

    private sealed class Pair(string name)
    {
        private int _start = -1;
        private int _end = -1;
        private int _closeColumn;

        public int OpenColumn { get; private set; }

        public TextSpan Span => new(_start, _end);

        public void Take(bool closing, int column, int place, ICollection<InputFault> faults)
        {
            if (closing && _start < 0)
            {
                faults.Add(Fault(column, $"</{name}> stands before <{name}>"));
            }
            else if (closing && _end >= 0)
            {
                faults.Add(Fault(column, $"</{name}> stands a second time", "each marker once"));
            }
            else if (closing)
            {
                (_end, _closeColumn) = (place, column);
            }
            else if (_start >= 0)
            {
                faults.Add(Fault(column, $"<{name}> stands a second time", "each marker once"));
            }
            else
            {
                (_start, OpenColumn) = (place, column);
            }
        }

        public void Finish(string sentence, string marked, ICollection<InputFault> faults)
        {
            if (_start < 0)
            {
                var otherCase = marked.Contains($"<{name}>", StringComparison.OrdinalIgnoreCase);
                var hint = otherCase ? "Markers are written in lower case." : null;
                faults.Add(Fault(1, $"there is no <{name}>", $"<{name}>name</{name}>", hint));
            }
            else if (_end < 0)
            {
                faults.Add(Fault(OpenColumn, $"<{name}> is never closed", $"</{name}> after the name"));
            }
            else if (string.IsNullOrWhiteSpace(Span.Of(sentence)))
            {
                faults.Add(Fault(OpenColumn, $"there is no name between <{name}> and </{name}>") with { Rule = DataRules.Empty });
            }
        }

        // Order of the markers, not of the spans: <e1>a</e1><e2>.. only touches, and empty names were refused before.
        public bool CrossesWith(Pair other)
        {
            var (first, second) = OpenColumn < other.OpenColumn ? (this, other) : (other, this);
            return second.OpenColumn < first._closeColumn && first._closeColumn < second._closeColumn;
        }
    }
}
