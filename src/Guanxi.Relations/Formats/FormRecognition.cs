using System.Text.Json;
using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>A form, its reader, and the lines that were looked at to find it.</summary>
internal sealed record RecognisedForm(
    DatasetFormat Format, Func<IEnumerable<TextLine>, RowContext, IEnumerable<ReadRow>> Rows, IReadOnlyList<TextLine> LinesSeen);

/// <summary>Tells the form of data from its first lines.</summary>
internal static class FormRecognition
{
    // A damaged first line must not hide what the others are.
    private const int LinesToTry = 20;

    private const string KnownForms =
        "a header such as label<TAB>content or label,text,people1,people2; or one JSON object a line with text, conversation or input_ids; "
        + "or lines label e1$e2$sentence; or sentences with <e1> and <e2> markers";

    public static RecognisedForm Recognise(string file, IEnumerator<TextLine> lines)
    {
        var seen = new List<TextLine>();
        string? first = null;
        while (seen.Count < LinesToTry && lines.MoveNext())
        {
            seen.Add(lines.Current);
            var text = lines.Current.Text;
            if (string.IsNullOrWhiteSpace(text))
            {
                continue;
            }

            var header = first is null ? Header(text, seen) : null;
            if ((header ?? Plain(text, seen)) is { } form)
            {
                return form;
            }

            first ??= text;
        }

        throw new OptionsException(Unknown(file, first, seen));
    }

    private static RecognisedForm? Header(string line, List<TextLine> seen)
    {
        foreach (var delimiter in "\t,;")
        {
            var quoted = delimiter != '\t';
            var cells = DelimitedText.Split(line, delimiter, quoted);
            if (ColumnMap.FromHeader(cells) is { } map)
            {
                var format = quoted ? DatasetFormat.RelationCsv : DatasetFormat.RelationTsv;
                return new RecognisedForm(format, TabularRows.Delimited(map, delimiter, quoted, hasHeader: true), seen);
            }
        }

        return null;
    }

    private static RecognisedForm? Plain(string line, List<TextLine> seen)
    {
        if (line.TrimStart().StartsWith('{'))
        {
            return FromJson(line, seen);
        }

        var cells = line.Split('\t');
        if (cells.Length <= 2 && EntityMarkers.HasAny(cells[^1]))
        {
            var map = cells.Length == 2 ? ColumnMap.LabelAndText : ColumnMap.TextOnly;
            return new RecognisedForm(DatasetFormat.RelationTsv, TabularRows.Delimited(map, '\t', quoted: false, hasHeader: false), seen);
        }

        return OlderTextRows.IsRow(line) ? new RecognisedForm(DatasetFormat.OlderText, OlderTextRows.Read, seen) : null;
    }

    private static RecognisedForm? FromJson(string line, List<TextLine> seen)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var names = document.RootElement.EnumerateObject().Select(member => member.Name).ToHashSet();
            return names.Contains("conversation") ? new RecognisedForm(DatasetFormat.FireflyJsonLines, JsonRows.Firefly, seen)
                : names.Contains("input_ids") ? new RecognisedForm(DatasetFormat.TokenizedJsonLines, JsonRows.Tokenized, seen)
                : names.Any(name => ColumnMap.FieldOf(name) == RelationInput.TextField)
                    ? new RecognisedForm(DatasetFormat.RelationJsonLines, JsonRows.Relations, seen)
                : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // Not an object, or a name with half a surrogate pair: this line says nothing, a later one may.
            return null;
        }
    }

    private static Problem[] Unknown(string file, string? first, List<TextLine> seen)
    {
        if (first is null)
        {
            var broken = seen.Where(line => line.Problem is not null).Select(line => line.Problem!.ToProblem()).ToArray();
            return broken.Length > 0 ? broken : [new Problem(file, "there is no row of data")];
        }

        var hint = first.TrimStart().StartsWith('[') ? "A JSON list is not read; write one object a line." : null;
        var line = seen.First(line => line.Text == first).Number;
        return [new Problem($"{file}:{line}:1", "the form of the data is not known", KnownForms, Excerpt.Of(first), hint)];
    }
}
