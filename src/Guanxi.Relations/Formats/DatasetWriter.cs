using System.Text;
using Guanxi.Relations.Prompts;
using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>A row with which something was lost on the way into another form.</summary>
/// <param name="Place">Where it stood.</param>
/// <param name="Why">What was lost, or why it cannot be written, in one sentence.</param>
public sealed record ConversionLoss(SourcePlace Place, string Why);

/// <summary>Rows in the form of a file.</summary>
/// <param name="Content">The file.</param>
/// <param name="Count">Number of rows in it.</param>
/// <param name="LeftOut">Rows that the form cannot hold.</param>
/// <param name="Changed">Rows that are in the file, but would be read back with another mention of a name.</param>
public sealed record EncodedRows(byte[] Content, int Count, IReadOnlyList<ConversionLoss> LeftOut, IReadOnlyList<ConversionLoss> Changed);

/// <summary>Writes relation rows in every form that is read, and reads them back to know what the form lost.</summary>
public static class DatasetWriter
{
    private const string NewFile = "the new file";
    private const string OtherForm = "Choose --form jsonl.";

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private static readonly (DatasetFormat Format, string Name, string Extension)[] s_forms =
    [
        (DatasetFormat.RelationTsv, "tsv", ".tsv"),
        (DatasetFormat.RelationCsv, "csv", ".csv"),
        (DatasetFormat.RelationJsonLines, "jsonl", ".jsonl"),
        (DatasetFormat.FireflyJsonLines, "firefly", ".jsonl"),
        (DatasetFormat.RelationXlsx, "xlsx", ".xlsx"),
        (DatasetFormat.OlderText, "text", ".txt"),
    ];

    /// <summary>Names of the forms that can be written.</summary>
    public static IReadOnlyList<string> FormNames { get; } = [.. s_forms.Select(form => form.Name)];

    /// <summary>The form of a name.</summary>
    /// <param name="name">One of <see cref="FormNames"/>.</param>
    /// <returns>The form.</returns>
    public static DatasetFormat FormOf(string name) => s_forms.First(form => form.Name == name).Format;

    /// <summary>The name of a form.</summary>
    /// <param name="format">A form.</param>
    /// <returns>One of <see cref="FormNames"/>; of token rows the form's own name.</returns>
    public static string NameOf(DatasetFormat format) =>
        s_forms.Where(form => form.Format == format).Select(form => form.Name).FirstOrDefault("tokenized");

    /// <summary>The ending of a form's files.</summary>
    /// <param name="format">A form.</param>
    /// <returns>The ending with its dot.</returns>
    public static string ExtensionOf(DatasetFormat format) =>
        s_forms.Where(form => form.Format == format).Select(form => form.Extension).FirstOrDefault(".jsonl");

    /// <summary>The form that a file's name asks for.</summary>
    /// <param name="path">A file that need not be there.</param>
    /// <returns>The form, of two with the same ending the one for relations; null for other endings.</returns>
    public static DatasetFormat? FormOfFile(string path)
    {
        var extension = Path.GetExtension(path);
        return s_forms.Where(form => string.Equals(form.Extension, extension, StringComparison.OrdinalIgnoreCase))
            .Select(form => (DatasetFormat?)form.Format).FirstOrDefault();
    }

    /// <summary>Writes rows in a form.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="format">A form of relations, or Firefly's.</param>
    /// <param name="template">The question of Firefly's form; others do not ask for it.</param>
    /// <returns>The file and what is not in it; an empty file when no row can be written.</returns>
    /// <exception cref="OptionsException">There are more rows than a sheet holds, or the form is none to write.</exception>
    public static EncodedRows Encode(IReadOnlyList<RelationExample> rows, DatasetFormat format, PromptTemplate template)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var leftOut = new List<ConversionLoss>();
        var kept = new List<RelationExample>();
        foreach (var row in rows)
        {
            if (FormLimits.Refuses(row, format) is { } why)
            {
                leftOut.Add(new ConversionLoss(row.Place, why));
            }
            else
            {
                kept.Add(row);
            }
        }

        while (kept.Count > 0)
        {
            var content = Content(kept, format, template);
            var (lost, changed) = Differences(kept, ReadBack(content, format, template), format);
            if (lost.Count == 0)
            {
                return new EncodedRows(content, kept.Count, leftOut, changed);
            }

            leftOut.AddRange(lost.Select(row => new ConversionLoss(row.Place, $"it would not be read back from {NameOf(format)} as it is")));
            kept.RemoveAll(lost.Contains);
        }

        return new EncodedRows([], 0, leftOut, []);
    }

    private static byte[] Content(List<RelationExample> rows, DatasetFormat format, PromptTemplate template)
    {
        switch (format)
        {
            case DatasetFormat.RelationTsv:
                return s_utf8.GetBytes(RowText.Tsv(rows));
            case DatasetFormat.RelationCsv:
                return s_utf8.GetBytes(RowText.Csv(rows));
            case DatasetFormat.RelationJsonLines:
                return s_utf8.GetBytes(RowText.JsonLines(rows));
            case DatasetFormat.OlderText:
                return s_utf8.GetBytes(string.Concat(rows.Select(row => OlderTextRows.Spell(row) + '\n')));
            case DatasetFormat.FireflyJsonLines:
                using (var text = new StringWriter())
                {
                    FireflyWriter.Write(text, rows, template);
                    return s_utf8.GetBytes(text.ToString());
                }

            case DatasetFormat.RelationXlsx when rows.Count < SpreadsheetWriter.MostRows:
                using (var file = new MemoryStream())
                {
                    SpreadsheetWriter.Write(file, RowText.Table(rows));
                    return file.ToArray();
                }

            default:
                throw new OptionsException(new Problem(
                    "form", "the rows cannot be written so",
                    $"one of {string.Join(", ", FormNames)}; fewer than {SpreadsheetWriter.MostRows} rows for a sheet",
                    $"{NameOf(format)}, {rows.Count} rows"));
        }
    }

    /// <summary>What is read of a file; null where a row cannot be read, no element at all where the form is not recognised.</summary>
    private static IReadOnlyList<RelationExample?> ReadBack(byte[] content, DatasetFormat format, PromptTemplate template)
    {
        using var data = DatasetReader.Open(new MemoryStream(content), NewFile, new DatasetReadOptions { RequireLabel = false });
        if (data.Format != format)
        {
            throw new OptionsException(new Problem(
                NewFile, "it would be taken for another form, because of its first row", NameOf(format), NameOf(data.Format), OtherForm));
        }

        return [.. data.Rows().Select(row => row.Example switch
        {
            RelationExample relation => relation,
            InstructionExample instruction => InstructionRelations.Find(instruction, template),
            _ => null,
        })];
    }

    private static (HashSet<RelationExample> Lost, IReadOnlyList<ConversionLoss> Changed) Differences(
        List<RelationExample> rows, IReadOnlyList<RelationExample?> back, DatasetFormat format)
    {
        if (back.Count != rows.Count)
        {
            throw new OptionsException(new Problem(
                NewFile, "it would be read as another number of rows", $"{rows.Count}", $"{back.Count}", OtherForm));
        }

        var lost = new HashSet<RelationExample>(ReferenceEqualityComparer.Instance);
        var changed = new List<ConversionLoss>();
        foreach (var (row, read) in rows.Zip(back))
        {
            if (read is null && format == DatasetFormat.FireflyJsonLines)
            {
                changed.Add(new ConversionLoss(row.Place, "sentence and people cannot be found again in the question"));
            }
            else if (read is null || (read.Text, read.Person1, read.Person2, read.Label) != (row.Text, row.Person1, row.Person2, row.Label))
            {
                lost.Add(row);
            }
            else if (Mentions.Locate(read) != Mentions.Locate(row))
            {
                changed.Add(new ConversionLoss(row.Place, "the form does not say which mention of a name is meant"));
            }
            else if (read is { Span1: not null, Span2: not null } && row is not { Span1: not null, Span2: not null } && IsAmbiguous(row))
            {
                changed.Add(new ConversionLoss(
                    row.Place, "a name occurs more than once and the row does not say which is meant: the first was marked"));
            }
        }

        return (lost, changed);
    }

    private static bool IsAmbiguous(RelationExample row) =>
        Mentions.All(row.Text, row.Person1).Count > 1 || Mentions.All(row.Text, row.Person2).Count > 1;
}
