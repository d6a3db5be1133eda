using System.Text.Unicode;

namespace Guanxi.Relations.Formats;

/// <summary>Names the encoding of bytes that are not UTF-8, so that the user is told which one to convert from.</summary>
internal static class EncodingGuess
{
    private const string Convert = "Save it as UTF-8.";

    // UTF-32 little-endian begins as UTF-16 little-endian does, so it stands first.
    private static readonly (byte[] Bytes, string Name, string Hint)[] s_signatures =
    [
        ([0xFF, 0xFE, 0x00, 0x00], "UTF-32, little-endian", Convert),
        ([0x00, 0x00, 0xFE, 0xFF], "UTF-32, big-endian", Convert),
        ([0xFF, 0xFE], "UTF-16, little-endian", Convert),
        ([0xFE, 0xFF], "UTF-16, big-endian", Convert),
        ([(byte)'P', (byte)'K', 3, 4], "a ZIP or XLSX file", "An XLSX sheet is read from a file, not from a pipe; anything else: unpack it, or save it as CSV in UTF-8."),
        ([0x1F, 0x8B], "a gzip file", "Unpack it first."),
    ];

    /// <summary>What a file is that cannot be UTF-8 text, by its first bytes; null when it may be.</summary>
    public static (string Name, string Hint)? OfFileStart(ReadOnlySpan<byte> head)
    {
        foreach (var (bytes, name, hint) in s_signatures)
        {
            if (head.StartsWith(bytes))
            {
                return (name, hint);
            }
        }

        var pairs = head[..Math.Min(head.Length, 1024)];
        var (zerosFirst, zerosSecond) = (0, 0);
        for (var at = 0; at < pairs.Length; at++)
        {
            zerosFirst += pairs[at] == 0 && at % 2 == 0 ? 1 : 0;
            zerosSecond += pairs[at] == 0 && at % 2 == 1 ? 1 : 0;
        }

        return (zerosFirst, zerosSecond) switch
        {
            (0, 0) => null,
            (0, > 1) => ("UTF-16, little-endian, without BOM", Convert),
            ( > 1, 0) => ("UTF-16, big-endian, without BOM", Convert),
            _ => ("bytes of value 0, a binary file", "Give a text file."),
        };
    }

    /// <summary>Whether a line that is not UTF-8 is one in GB18030 (or its subsets GBK, GB2312).</summary>
    /// <remarks>
    /// Damaged UTF-8 mostly has the byte structure of GB18030 too. It differs in that most of its bytes beyond ASCII still form UTF-8
    /// characters, which in GB18030 text is chance.
    /// </remarks>
    public static bool LooksLikeGb18030(ReadOnlySpan<byte> line)
    {
        var (beyondAscii, inUtf8) = (0, 0);
        for (var at = 0; at < line.Length;)
        {
            var length = line[at] < 0x80 ? 1 : Utf8Length(line[at..]);
            beyondAscii += line[at] < 0x80 ? 0 : Math.Max(length, 1);
            inUtf8 += line[at] < 0x80 ? 0 : length;
            at += Math.Max(length, 1);
        }

        return 2 * inUtf8 < beyondAscii && HasGb18030Structure(line);
    }

    private static int Utf8Length(ReadOnlySpan<byte> bytes)
    {
        for (var length = 2; length <= Math.Min(4, bytes.Length); length++)
        {
            if (Utf8.IsValid(bytes[..length]))
            {
                return length;
            }
        }

        return 0;
    }

    private static bool HasGb18030Structure(ReadOnlySpan<byte> line)
    {
        for (var at = 0; at < line.Length;)
        {
            if (line[at] < 0x80)
            {
                at++;
            }
            else if (line[at] is 0x80 or 0xFF || at + 1 >= line.Length)
            {
                return false;
            }
            else if (line[at + 1] is >= 0x40 and not 0x7F and not 0xFF)
            {
                at += 2;
            }
            else if (at + 3 < line.Length && line[at + 1] is >= 0x30 and <= 0x39 && line[at + 2] is > 0x80 and < 0xFF
                && line[at + 3] is >= 0x30 and <= 0x39)
            {
                at += 4;
            }
            else
            {
                return false;
            }
        }

        return true;
    }
}
