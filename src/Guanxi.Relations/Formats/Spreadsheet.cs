using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Xml;
using ExcelDataReader;
using ExcelDataReader.Exceptions;
using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>Relation rows in an XLSX file: the first sheet that has any, its first row the header.</summary>
internal static class Spreadsheet
{
    // Rows of text are a few kilobytes each: a file this long is something else, or made to fill the memory.
    private const long MaxFileBytes = 256L << 20;

    // Sheets are XML, which packs ten to twenty times.
    private const long MaxUnpackedBytes = 2L << 30;

    private const string Header = "a header such as label, text, people1, people2, or label and content with markers";

    // The reading library asks for the code page of old binary sheets even where it reads none.
    static Spreadsheet() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    private static ReadOnlySpan<byte> Signature => "PK\u0003\u0004"u8;

    /// <summary>Looks whether a stream is a spreadsheet; one that is none stands where it stood.</summary>
    /// <param name="stream">The stream; one that cannot be gone back in is none.</param>
    /// <param name="name">Name for messages.</param>
    /// <returns>The form with its rows, or null.</returns>
    /// <exception cref="OptionsException">It is a spreadsheet that cannot be read, or one without rows of data.</exception>
    public static RecognisedForm? TryRecognise(Stream stream, string name)
    {
        if (!stream.CanSeek || !Begins(stream))
        {
            return null;
        }

        Require(stream.Length, MaxFileBytes, name);
        var rows = Rows(stream, name);
        if (rows.Count == 0)
        {
            throw new OptionsException(new Problem(name, "there is no row of data in its sheets"));
        }

        var map = ColumnMap.FromHeader(rows[0].Cells)
            ?? throw new OptionsException(new Problem(
                $"{name}:{rows[0].Line}:1", "the columns of the sheet are not known", Header, string.Join(", ", rows[0].Cells.Select(cell => cell.Text))));
        var table = new TabularRows(map, hasHeader: true, widthHint: null);
        return new RecognisedForm(DatasetFormat.RelationXlsx, (_, context) => table.Read(rows, context), []);
    }

    private static void Require(long found, long most, string name)
    {
        if (found > most)
        {
            throw new OptionsException(new Problem(
                name, "the file is too long for a sheet of sentences", $"at most {most >> 20} MiB", $"{found >> 20} MiB", "Save the sheet as CSV."));
        }
    }

    private static bool Begins(Stream stream)
    {
        var start = stream.Position;
        Span<byte> head = stackalloc byte[Signature.Length];
        var isZip = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length && head.SequenceEqual(Signature);
        stream.Position = start;
        return isZip;
    }

    private static List<DelimitedRow> Rows(Stream stream, string name)
    {
        try
        {
            var start = stream.Position;
            using (var archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true))
            {
                Require(archive.Entries.Sum(entry => entry.Length), MaxUnpackedBytes, name);
            }

            stream.Position = start;
            using var reader = ExcelReaderFactory.CreateOpenXmlReader(stream, new ExcelReaderConfiguration { LeaveOpen = true });
            do
            {
                var rows = SheetRows(reader).ToList();
                if (rows.Count > 0)
                {
                    return rows;
                }
            }
            while (reader.NextResult());
            return [];
        }
        catch (Exception fault) when (
            fault is ExcelReaderException or InvalidDataException or XmlException or IOException or FormatException or ArgumentException
                or InvalidOperationException or NullReferenceException or KeyNotFoundException or IndexOutOfRangeException or OverflowException)
        {
            // The reading library promises no particular exception for a damaged file.
            throw new OptionsException(new Problem(
                name, "the file cannot be read as a spreadsheet", "an XLSX file", fault.Message, "Open and save it again, or save the sheet as CSV in UTF-8."));
        }
    }

    private static IEnumerable<DelimitedRow> SheetRows(IExcelDataReader reader)
    {
        for (var line = 1; reader.Read(); line++)
        {
            var cells = new Cell[reader.FieldCount];
            for (var column = 0; column < cells.Length; column++)
            {
                cells[column] = new Cell(Convert.ToString(reader.GetValue(column), CultureInfo.InvariantCulture) ?? string.Empty, column + 1);
            }

            if (cells.Any(cell => cell.Text.Length > 0))
            {
                yield return new DelimitedRow(line, cells, null);
            }
        }
    }
}
