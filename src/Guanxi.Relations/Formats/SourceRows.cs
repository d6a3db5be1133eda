using Guanxi.Relations.Prompts;
using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>All rows of some files, to be put into others: byte for byte where the form allows it.</summary>
public sealed class SourceRows
{
    private readonly IReadOnlyList<ArraySegment<byte>>? _raw;
    private readonly byte[] _header;

    private SourceRows(DatasetFormat format, IReadOnlyList<IExample> rows, IReadOnlyList<string> otherFields, byte[] header, IReadOnlyList<ArraySegment<byte>>? raw) =>
        (Format, Rows, OtherFields, _header, _raw) = (format, rows, otherFields, header, raw);

    /// <summary>The form of the first file.</summary>
    public DatasetFormat Format { get; }

    /// <summary>The rows of all files, in their order.</summary>
    public IReadOnlyList<IExample> Rows { get; }

    /// <summary>Columns and members that are lost where rows are not copied byte for byte.</summary>
    public IReadOnlyList<string> OtherFields { get; }

    /// <summary>Reads files.</summary>
    /// <param name="paths">Files with rows of one kind; labels may be missing.</param>
    /// <returns>The rows.</returns>
    /// <exception cref="OptionsException">A file cannot be read or has bad rows, or the rows are of several kinds.</exception>
    public static SourceRows Read(IReadOnlyList<string> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        var files = paths.Select(ReadOne).ToArray();
        if (files.FirstOrDefault(file => file.Data.Kind != files[0].Data.Kind) is { Data: not null } other)
        {
            throw new OptionsException(new Problem(other.Data.File, "its rows are of another kind than those of the first file", $"{files[0].Data.Kind}", $"{other.Data.Kind}"));
        }

        IReadOnlyList<IExample> rows = [.. files.SelectMany(file => file.Data.Examples)];
        IReadOnlyList<string> others = [.. files.SelectMany(file => file.Others).Distinct().Order(StringComparer.Ordinal)];
        if (files.Any(file => file.Data.Format == DatasetFormat.RelationXlsx))
        {
            return new SourceRows(files[0].Data.Format, rows, others, [], null);
        }

        // A byte order mark in one file is no difference between headers.
        RawRows[] raws = [.. files.Select(file => RawRows.Read(file.Data.File, [.. file.Data.Examples.Select(row => row.Place)]))];
        var isAlike = raws.All(raw => WithoutBom(raw.Header).SequenceEqual(WithoutBom(raws[0].Header))) && files.All(file => file.Data.Format == files[0].Data.Format);
        return new SourceRows(files[0].Data.Format, rows, others, raws[0].Header, isAlike ? [.. raws.SelectMany(raw => raw.Rows)] : null);
    }

    /// <summary>Whether rows keep their bytes in a form.</summary>
    /// <param name="format">The form; null for that of the files.</param>
    /// <returns>False where they are written anew.</returns>
    public bool IsCopied(DatasetFormat? format) => _raw is not null && (format ?? Format) == Format;

    /// <summary>Puts some rows into a file.</summary>
    /// <param name="rows">Indices of the rows.</param>
    /// <param name="format">The form; null for that of the files.</param>
    /// <param name="template">The question of Firefly's form.</param>
    /// <returns>The file and what is not in it.</returns>
    /// <exception cref="OptionsException">The rows cannot be written in that form.</exception>
    public EncodedRows Encode(IReadOnlyList<int> rows, DatasetFormat? format, PromptTemplate template)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (IsCopied(format))
        {
            return new EncodedRows([.. _header, .. rows.SelectMany(row => _raw![row])], rows.Count, [], []);
        }

        RelationExample[] relations = [.. rows.Select(row => Rows[row]).OfType<RelationExample>()];
        return relations.Length == rows.Count ? DatasetWriter.Encode(relations, format ?? Format, template) : throw new OptionsException(new Problem(
            Rows[0].Place.File, "rows that are no relations keep the form of their file, which here has several headers or is another", DatasetWriter.NameOf(Format)));
    }

    private static ReadOnlySpan<byte> WithoutBom(byte[] header) => header.AsSpan().StartsWith("\uFEFF"u8) ? header.AsSpan(3) : header;

    private static (Dataset Data, string[] Others) ReadOne(string path)
    {
        var options = new DatasetReadOptions { RequireLabel = false };
        using var open = DatasetReader.Open(path, options);
        var data = DatasetReader.Collect(open, options);
        return (data, [.. open.OtherFields]);
    }
}
