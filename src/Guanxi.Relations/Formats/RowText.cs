using System.Globalization;
using System.Text;

namespace Guanxi.Relations.Formats;

/// <summary>Spells relation rows in the forms that have one row after the other.</summary>
internal static class RowText
{
    private const char Tab = '\t';
    private const char Comma = ',';

    /// <summary>Tab-separated label and marked sentence, the form of the published data; unmarked rows are marked where they are about.</summary>
    public static string Tsv(IReadOnlyList<RelationExample> rows)
    {
        var isLabelled = rows.Any(row => row.Label is not null);
        var text = new StringBuilder(isLabelled ? "label\tcontent\n" : "content\n");
        foreach (var row in rows)
        {
            var (first, second) = Mentions.Locate(row);
            text.Append(isLabelled ? row.Label + Tab : null).Append(EntityMarkers.Mark(row.Text, first, second)).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Comma-separated columns, quoted where they must be.</summary>
    public static string Csv(IReadOnlyList<RelationExample> rows)
    {
        var text = new StringBuilder();
        foreach (var cells in Table(rows))
        {
            text.AppendJoin(Comma, cells.Select(Quoted)).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>One JSON object a line.</summary>
    public static string JsonLines(IReadOnlyList<RelationExample> rows)
    {
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.Append(Json(row)).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Header and rows of a table with a column for each field that any row has.</summary>
    public static IEnumerable<string[]> Table(IReadOnlyList<RelationExample> rows)
    {
        (string Name, bool IsWanted, Func<RelationExample, string?> Value)[] columns =
        [
            (RelationInput.LabelField, rows.Any(row => row.Label is not null), row => row.Label),
            (RelationInput.TextField, true, row => row.Text),
            (RelationInput.Person1Field, true, row => row.Person1),
            (RelationInput.Person2Field, true, row => row.Person2),
            (RelationInput.Span1Field, rows.Any(row => row.Span1 is not null), row => Shown(row.Span1)),
            (RelationInput.Span2Field, rows.Any(row => row.Span2 is not null), row => Shown(row.Span2)),
        ];
        var wanted = columns.Where(column => column.IsWanted).ToArray();
        yield return [.. wanted.Select(column => column.Name)];
        foreach (var row in rows)
        {
            yield return [.. wanted.Select(column => column.Value(row) ?? string.Empty)];
        }
    }

    /// <summary>One row as a JSON object in one line, with the label and the spans that it has.</summary>
    public static string Json(RelationExample row)
    {
        var json = new JsonLineWriter().StartObject()
            .Name(RelationInput.TextField).Value(row.Text)
            .Name(RelationInput.Person1Field).Value(row.Person1)
            .Name(RelationInput.Person2Field).Value(row.Person2);
        if (row.Label is not null)
        {
            json.Name(RelationInput.LabelField).Value(row.Label);
        }

        foreach (var (name, span) in new[] { (RelationInput.Span1Field, row.Span1), (RelationInput.Span2Field, row.Span2) })
        {
            if (span is { } place)
            {
                json.Name(name).List([place.Start, place.End]);
            }
        }

        return json.EndObject().ToString();
    }

    private static string? Shown(TextSpan? span) =>
        span is { } place ? string.Create(CultureInfo.InvariantCulture, $"[{place.Start}, {place.End}]") : null;

    private static string Quoted(string cell) =>
        cell.AsSpan().ContainsAny("\",\r\n") ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell;
}
