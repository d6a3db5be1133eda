using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>What the bytes of a text file say before any row is read.</summary>
/// <param name="HasBom">Whether it begins with the byte order mark of UTF-8.</param>
/// <param name="Lines">Lines that have an end.</param>
/// <param name="CrlfLines">Those of them that end with CR LF.</param>
/// <param name="FirstCrlf">The first of those, from 1; 0 when there is none.</param>
internal sealed record FileFacts(bool HasBom, int Lines, int CrlfLines, int FirstCrlf)
{
    private const int BlockBytes = 1 << 16;

    /// <summary>Looks at a file's bytes; of a packed one, such as a spreadsheet, nothing is said.</summary>
    /// <exception cref="OptionsException">It cannot be read.</exception>
    public static FileFacts Of(string path)
    {
        using var stream = TextFile.Open(path);
        try
        {
            return Of(stream);
        }
        catch (IOException fault)
        {
            throw new OptionsException(new Problem(path, $"reading failed ({fault.Message})"));
        }
    }

    private static FileFacts Of(FileStream stream)
    {
        var block = new byte[BlockBytes];
        var (facts, last) = (new FileFacts(false, 0, 0, 0), (byte)0);
        for (var isFirst = true; ; isFirst = false)
        {
            var bytes = block.AsSpan(0, stream.ReadAtLeast(block, block.Length, throwOnEndOfStream: false));
            if (bytes.IsEmpty || (isFirst && EncodingGuess.OfFileStart(bytes) is not null))
            {
                return facts;
            }

            facts = facts with { HasBom = facts.HasBom || (isFirst && bytes.StartsWith("\uFEFF"u8)) };
            facts = facts.Count(bytes, last);
            last = bytes[^1];
        }
    }

    private FileFacts Count(ReadOnlySpan<byte> bytes, byte before)
    {
        var (lines, crlf, first) = (Lines, CrlfLines, FirstCrlf);
        for (var at = 0; at < bytes.Length; at++)
        {
            if (bytes[at] == '\n')
            {
                lines++;
                var isCrlf = (at > 0 ? bytes[at - 1] : before) == '\r';
                crlf += isCrlf ? 1 : 0;
                first = isCrlf && first == 0 ? lines : first;
            }
        }

        return this with { Lines = lines, CrlfLines = crlf, FirstCrlf = first };
    }
}
