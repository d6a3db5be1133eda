using System.Buffers;
using System.Text;
using Guanxi.Transformers.Tokenization.Merging;

namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>Where a word may be cut before it is merged, with the same result.</summary>
/// <remarks>
/// Text without spaces makes long words that never come twice. But between two characters that no token holds side by side no merge can
/// ever happen; and the short runs between such places do come again. A token may begin or end inside a character: then that character
/// stands for all with the same last or first byte.
/// </remarks>
internal static class CharacterBoundaries
{
    // Beyond all characters: numbers for parts of characters, known by one byte.
    private const int Partial = 0x110000;
    private const int FirstMultibyte = 0x80;

    /// <summary>Characters, and parts of them, that stand side by side in tokens; pairs with ASCII are left out.</summary>
    public static List<(int Left, int Right)> NeighboursIn(IEnumerable<string> tokens)
    {
        var pairs = new List<(int, int)>();
        foreach (var token in tokens)
        {
            var bytes = ByteAlphabet.Bytes(token).AsSpan();
            var start = bytes.IndexOfAnyExceptInRange((byte)0x80, (byte)0xBF);
            var last = start > 0 ? Partial + bytes[start - 1] : -1;
            for (var rest = start < 0 ? [] : bytes[start..]; !rest.IsEmpty;)
            {
                var isWhole = Rune.DecodeFromUtf8(rest, out var rune, out var length) == OperationStatus.Done;
                var next = isWhole ? rune.Value : Partial + rest[0];
                if (last >= FirstMultibyte && next >= FirstMultibyte)
                {
                    pairs.Add((last, next));
                }

                last = next;
                rest = rest[(isWhole ? length : 1)..];
            }
        }

        return pairs;
    }

    /// <summary>The end of the run that begins a word.</summary>
    /// <param name="merges">The table made with <see cref="NeighboursIn"/>.</param>
    /// <param name="word">The rest of the word, not empty.</param>
    public static int EndOfRun(MergeTable merges, ReadOnlySpan<char> word)
    {
        var last = Read(word, out var at);
        while (at < word.Length)
        {
            var next = Read(word[at..], out var length);
            if (last >= FirstMultibyte && next >= FirstMultibyte && !MayTouch(merges, last, next))
            {
                break;
            }

            (last, at) = (next, at + length);
        }

        return at;
    }

    private static bool MayTouch(MergeTable merges, int left, int right)
    {
        var (leftPart, rightPart) = (Partial + LastByte(left), Partial + FirstByte(right));
        return merges.MayTouch(left, right) || merges.MayTouch(leftPart, right) || merges.MayTouch(left, rightPart)
            || merges.MayTouch(leftPart, rightPart);
    }

    private static int Read(ReadOnlySpan<char> text, out int length)
    {
        length = 1;
        if (!char.IsSurrogate(text[0]))
        {
            return text[0];
        }

        Rune.DecodeFromUtf16(text, out var rune, out length);
        return rune.Value;
    }

    private static int LastByte(int rune) => 0x80 | (rune & 0x3F);

    private static int FirstByte(int rune) => rune < 0x800 ? 0xC0 | (rune >> 6) : rune < 0x10000 ? 0xE0 | (rune >> 12) : 0xF0 | (rune >> 18);
}
