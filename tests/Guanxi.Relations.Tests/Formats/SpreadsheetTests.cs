using System.IO.Compression;
using System.Security;
using System.Text;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Formats;

public sealed class SpreadsheetTests
{
    [Fact]
    public void The_first_sheet_with_rows_is_read_like_any_table()
    {
        var file = Workbook([], [["关系", "句子", "人物1", "人物2", "备注"], ["夫妻", "李雷娶了韩梅梅", "李雷", "韩梅梅", ""], [], ["师生", "孔子教颜回", "孔子", "颜回", "x"]]);

        var data = DatasetReader.Read(file, "rows.xlsx", new DatasetReadOptions());

        Assert.Equal(DatasetFormat.RelationXlsx, data.Format);
        Assert.Equal(["夫妻", "师生"], data.Relations.Select(row => row.Label));
        Assert.Equal(("孔子教颜回", "孔子", "颜回"), (data.Relations[1].Text, data.Relations[1].Person1, data.Relations[1].Person2));
        Assert.Equal(("rows.xlsx:4", 2), ($"{data.Relations[1].Place}", data.Relations[1].Place.Row));
    }

    [Fact]
    public void A_bad_row_is_named_by_row_and_column_of_the_sheet()
    {
        var file = Workbook([["label", "text", "people1", "people2"], ["夫妻", "李雷娶了韩梅梅", "李雷", "小明"]]);

        var fault = Assert.Throws<OptionsException>(() => DatasetReader.Read(file, "rows.xlsx", new DatasetReadOptions()));

        Assert.Contains("rows.xlsx:2:4", fault.Message, StringComparison.Ordinal);
        Assert.Contains("小明", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_columns_are_told_with_those_found()
    {
        var fault = Assert.Throws<OptionsException>(
            () => DatasetReader.Read(Workbook([["name", "age"], ["李雷", "12"]]), "rows.xlsx", new DatasetReadOptions()));

        Assert.Contains("name, age", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_archive_that_is_no_workbook_and_a_damaged_workbook_are_refused()
    {
        var archive = new MemoryStream();
        using (var zip = new ZipArchive(archive, ZipArchiveMode.Create, leaveOpen: true))
        {
            Write(zip, "readme.txt", "hello");
        }

        archive.Position = 0;
        var whole = Workbook([["label", "text"], ["夫妻", "<e1>甲</e1>和<e2>乙</e2>"]]).ToArray();
        foreach (var stream in new[] { archive, new MemoryStream(whole[..(whole.Length / 2)]) })
        {
            var fault = Assert.Throws<OptionsException>(() => DatasetReader.Read(stream, "rows.xlsx", new DatasetReadOptions()));
            Assert.Contains("spreadsheet", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_small_file_that_would_unpack_to_gigabytes_is_refused_before_it_is_unpacked()
    {
        var archive = new MemoryStream();
        using (var zip = new ZipArchive(archive, ZipArchiveMode.Create, leaveOpen: true))
        {
            Write(zip, "xl/worksheets/sheet1.xml", "<x/>");
        }

        // The size that the directory claims is what readers make room by; it stands 24 bytes behind the directory's signature.
        var bytes = archive.ToArray();
        var entry = bytes.AsSpan().IndexOf("PK\u0001\u0002"u8);
        BitConverter.TryWriteBytes(bytes.AsSpan(entry + 24), uint.MaxValue - 1);

        var fault = Assert.Throws<OptionsException>(() => DatasetReader.Read(new MemoryStream(bytes), "rows.xlsx", new DatasetReadOptions()));

        Assert.Contains("too long for a sheet of sentences; expected at most 2048 MiB; found 4095 MiB", fault.Message, StringComparison.Ordinal);
    }

    /// <summary>The smallest workbook that spreadsheet programs open, with cells of inline text.</summary>
    private static MemoryStream Workbook(params string[][][] sheets)
    {
        const string Main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        const string Relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        const string Package = "http://schemas.openxmlformats.org/package/2006/relationships";
        var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Write(zip, "_rels/.rels", $"<Relationships xmlns=\"{Package}\"><Relationship Id=\"r\" Type=\"{Relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>");
            var names = Join(sheets, (_, i) => $"<sheet name=\"s{i}\" sheetId=\"{i + 1}\" r:id=\"r{i}\"/>");
            Write(zip, "xl/workbook.xml", $"<workbook xmlns=\"{Main}\" xmlns:r=\"{Relations}\"><sheets>{names}</sheets></workbook>");
            var targets = Join(sheets, (_, i) => $"<Relationship Id=\"r{i}\" Type=\"{Relations}/worksheet\" Target=\"worksheets/s{i}.xml\"/>");
            Write(zip, "xl/_rels/workbook.xml.rels", $"<Relationships xmlns=\"{Package}\">{targets}</Relationships>");
            foreach (var (i, rows) in sheets.Index())
            {
                var lines = Join(rows, (row, line) => $"<row r=\"{line + 1}\">{Join(row, (text, column) => Inline(text, line, column))}</row>");
                Write(zip, $"xl/worksheets/s{i}.xml", $"<worksheet xmlns=\"{Main}\"><sheetData>{lines}</sheetData></worksheet>");
            }
        }

        stream.Position = 0;
        return stream;
    }

    private static string Inline(string text, int line, int column) =>
        $"<c r=\"{(char)('A' + column)}{line + 1}\" t=\"inlineStr\"><is><t>{SecurityElement.Escape(text)}</t></is></c>";

    private static string Join<T>(IEnumerable<T> items, Func<T, int, string> text) => string.Concat(items.Select(text));

    private static void Write(ZipArchive zip, string name, string text)
    {
        using var writer = new StreamWriter(zip.CreateEntry(name).Open(), new UTF8Encoding(false));
        writer.Write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>" + text);
    }
}
