using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>The bytes of a text file, row by row, so that rows can be put into other files as they are.</summary>
/// <param name="Header">What stands before the first row, a byte order mark included.</param>
/// <param name="Rows">The bytes of each row with its line end.</param>
internal sealed record RawRows(byte[] Header, IReadOnlyList<ArraySegment<byte>> Rows)
{
    /// <summary>Cuts a file at the lines where its rows begin.</summary>
    /// <param name="path">The file.</param>
    /// <param name="places">Where its rows stand, in their order: all of them.</param>
    /// <exception cref="OptionsException">The file cannot be read.</exception>
    public static RawRows Read(string path, IReadOnlyList<SourcePlace> places)
    {
        byte[] bytes;
        using (var stream = TextFile.Open(path))
        using (var memory = new MemoryStream())
        {
            stream.CopyTo(memory);
            bytes = memory.ToArray();
        }

        if (bytes is [.., not (byte)'\n'])
        {
            bytes = [.. bytes, (byte)'\n'];
        }

        var starts = new List<int> { 0 };
        for (var at = 0; at < bytes.Length; at++)
        {
            if (bytes[at] == '\n')
            {
                starts.Add(at + 1);
            }
        }

        int Start(int row) => row < places.Count ? starts[places[row].Line - 1] : bytes.Length;
        var bom = bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0;
        var header = Math.Max(bom, Start(0));
        return new RawRows(bytes[..header], [.. places.Select((_, row) =>
        {
            var start = Math.Max(bom, Start(row));
            return new ArraySegment<byte>(bytes, start, Start(row + 1) - start);
        })]);
    }
}
