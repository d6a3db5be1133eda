namespace Guanxi.Relations.Formats;

/// <summary>What the forms cannot hold, in words; whatever this does not foresee shows when the file is read back.</summary>
internal static class FormLimits
{
    /// <summary>Why a form cannot hold a row; null when nothing is known against it.</summary>
    public static string? Refuses(RelationExample row, DatasetFormat format) => format switch
    {
        DatasetFormat.RelationTsv => InTsv(row),
        DatasetFormat.RelationCsv => InText(row, "\0"),
        DatasetFormat.OlderText => InOlderText(row),
        DatasetFormat.RelationXlsx when row.Text.Length > SpreadsheetWriter.MostCellUnits =>
            $"a cell holds at most {SpreadsheetWriter.MostCellUnits} characters, the sentence has {row.Text.Length}",
        DatasetFormat.FireflyJsonLines when row.Label is null => "a row without label cannot become training data",
        _ => null,
    };

    private static string? InTsv(RelationExample row)
    {
        var (first, second) = Mentions.Locate(row);
        return InText(row, "\t\n\0")
            ?? (EntityMarkers.HasAny(row.Text) ? "the sentence holds what looks like a marker"
                : TextSpan.Cross(first, second) ? "the mentions of the two names cross"
                : null);
    }

    private static string? InOlderText(RelationExample row) =>
        row.Label is null ? "the form needs a label"
        : row.Label.AsSpan().ContainsAny(" \t") ? "the label holds a space, which ends it in this form"
        : (row.Person1 + row.Person2).Contains('$', StringComparison.Ordinal) ? "a name holds $, which ends it in this form"
        : EntityMarkers.HasAny(row.Text) ? "the sentence holds what looks like a marker"
        : InText(row, "\n\0");

    private static string? InText(RelationExample row, string forbidden) =>
        row.Text.AsSpan().ContainsAny(forbidden) || row.Label.AsSpan().ContainsAny(forbidden)
            ? $"the sentence or label holds {string.Join(", ", Names(forbidden))} that the form has no sign for"
            : null;

    private static IEnumerable<string> Names(string signs) => signs.Select(sign => sign switch
    {
        '\t' => "a tab",
        '\n' => "a line end",
        _ => "a character of value 0",
    });
}
