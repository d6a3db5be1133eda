using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Xml;

namespace Guanxi.Relations.Formats;

/// <summary>Writes a table as an XLSX file of one sheet.</summary>
/// <remarks>
/// ECMA-376, the parts that spreadsheet programs ask for: cells are inline text, so nothing is taken for a number, a date or a formula. What XML
/// cannot hold is written as <c>_xHHHH_</c> (part 1, 22.9.2.19), and text that looks so gets its first sign written so.
/// </remarks>
internal static class SpreadsheetWriter
{
    /// <summary>Most UTF-16 units of a cell that spreadsheet programs open.</summary>
    public const int MostCellUnits = 32767;

    /// <summary>Most rows of a sheet, the header included.</summary>
    public const int MostRows = 1 << 20;

    private const string Main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    private const string Office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    private const string Package = "http://schemas.openxmlformats.org/package/2006/relationships";
    private const string Types = "http://schemas.openxmlformats.org/package/2006/content-types";
    private const string ContentType = "application/vnd.openxmlformats-officedocument.spreadsheetml";

    // The oldest time that the archive can say: equal tables are equal files.
    private static readonly DateTimeOffset s_time = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    // Line ends as character references, else a reader would make line feeds of them all.
    private static readonly XmlWriterSettings s_settings = new() { Encoding = new UTF8Encoding(false), NewLineHandling = NewLineHandling.Entitize };

    /// <summary>Writes the file.</summary>
    /// <param name="stream">Where to; it stays open.</param>
    /// <param name="rows">Cells of every row.</param>
    public static void Write(Stream stream, IEnumerable<string[]> rows)
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        Part(zip, "[Content_Types].xml", xml =>
        {
            xml.WriteStartElement("Types", Types);
            Element(xml, Types, "Default", ("Extension", "rels"), ("ContentType", "application/vnd.openxmlformats-package.relationships+xml"));
            Element(xml, Types, "Override", ("PartName", "/xl/workbook.xml"), ("ContentType", $"{ContentType}.sheet.main+xml"));
            Element(xml, Types, "Override", ("PartName", "/xl/worksheets/sheet1.xml"), ("ContentType", $"{ContentType}.worksheet+xml"));
            xml.WriteEndElement();
        });
        Part(zip, "_rels/.rels", xml => Relation(xml, "officeDocument", "xl/workbook.xml"));
        Part(zip, "xl/_rels/workbook.xml.rels", xml => Relation(xml, "worksheet", "worksheets/sheet1.xml"));
        Part(zip, "xl/workbook.xml", xml =>
        {
            xml.WriteStartElement("workbook", Main);
            xml.WriteStartElement("sheets", Main);
            xml.WriteStartElement("sheet", Main);
            xml.WriteAttributeString("name", "rows");
            xml.WriteAttributeString("sheetId", "1");
            xml.WriteAttributeString("r", "id", Office, "r1");
            xml.WriteEndElement();
            xml.WriteEndElement();
            xml.WriteEndElement();
        });
        Part(zip, "xl/worksheets/sheet1.xml", xml => Sheet(xml, rows));
    }

    /// <summary>Text as a cell spells it.</summary>
    internal static string Escaped(string text)
    {
        var escaped = new StringBuilder(text.Length);
        for (var at = 0; at < text.Length; at++)
        {
            var isPair = at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]);
            if (isPair)
            {
                escaped.Append(text, at++, 2);
            }
            else if (XmlConvert.IsXmlChar(text[at]) && !LooksEscaped(text, at))
            {
                escaped.Append(text[at]);
            }
            else
            {
                escaped.Append(CultureInfo.InvariantCulture, $"_x{(int)text[at]:X4}_");
            }
        }

        return escaped.ToString();
    }

    private static bool LooksEscaped(string text, int at) =>
        at + 7 <= text.Length && text[at] == '_' && text[at + 1] is 'x' or 'X' && text[at + 6] == '_'
        && text.AsSpan(at + 2, 4).ToArray().All(char.IsAsciiHexDigit);

    private static void Sheet(XmlWriter xml, IEnumerable<string[]> rows)
    {
        xml.WriteStartElement("worksheet", Main);
        xml.WriteStartElement("sheetData", Main);
        foreach (var (index, cells) in rows.Index())
        {
            xml.WriteStartElement("row", Main);
            xml.WriteAttributeString("r", $"{index + 1}");
            foreach (var (column, cell) in cells.Index().Where(cell => cell.Item.Length > 0))
            {
                Cell(xml, $"{(char)('A' + column)}{index + 1}", cell);
            }

            xml.WriteEndElement();
        }

        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static void Cell(XmlWriter xml, string place, string text)
    {
        xml.WriteStartElement("c", Main);
        xml.WriteAttributeString("r", place);
        xml.WriteAttributeString("t", "inlineStr");
        xml.WriteStartElement("is", Main);
        xml.WriteStartElement("t", Main);
        xml.WriteAttributeString("xml", "space", null, "preserve");
        xml.WriteString(Escaped(text));
        xml.WriteEndElement();
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static void Relation(XmlWriter xml, string type, string target)
    {
        xml.WriteStartElement("Relationships", Package);
        Element(xml, Package, "Relationship", ("Id", "r1"), ("Type", $"{Office}/{type}"), ("Target", target));
        xml.WriteEndElement();
    }

    private static void Element(XmlWriter xml, string space, string name, params (string Name, string Value)[] attributes)
    {
        xml.WriteStartElement(name, space);
        foreach (var attribute in attributes)
        {
            xml.WriteAttributeString(attribute.Name, attribute.Value);
        }

        xml.WriteEndElement();
    }

    private static void Part(ZipArchive zip, string name, Action<XmlWriter> write)
    {
        var entry = zip.CreateEntry(name);
        entry.LastWriteTime = s_time;
        using var stream = entry.Open();
        using var xml = XmlWriter.Create(stream, s_settings);
        write(xml);
    }
}
