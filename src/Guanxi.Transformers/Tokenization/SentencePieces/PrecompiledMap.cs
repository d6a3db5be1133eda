using System.Buffers.Binary;
using System.Text;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>The compiled map of characters that a SentencePiece model brings along, e.g. for nmt_nfkc.</summary>
/// <remarks>
/// Source: normalizer.cc of google/sentencepiece and the double array of s-yata/darts-clone: the length of a trie, the trie, and the
/// replacements it points to, each ended by a zero. Every index from the file is checked where it is used.
/// </remarks>
internal sealed class PrecompiledMap
{
    private readonly uint[] _units;
    private readonly byte[] _replacements;

    private PrecompiledMap(uint[] units, byte[] replacements) => (_units, _replacements) = (units, replacements);

    /// <summary>Reads a map; null when it is damaged.</summary>
    public static PrecompiledMap? Read(ReadOnlySpan<byte> content)
    {
        if (content.Length < sizeof(uint))
        {
            return null;
        }

        var size = BinaryPrimitives.ReadUInt32LittleEndian(content);
        if (size == 0 || size % sizeof(uint) != 0 || size >= content.Length - sizeof(uint) || content[^1] != 0)
        {
            return null;
        }

        var units = new uint[size / sizeof(uint)];
        for (var i = 0; i < units.Length; i++)
        {
            units[i] = BinaryPrimitives.ReadUInt32LittleEndian(content[((i + 1) * sizeof(uint))..]);
        }

        return new PrecompiledMap(units, content[(int)(size + sizeof(uint))..].ToArray());
    }

    /// <summary>Finds the longest text in the map that begins another.</summary>
    /// <param name="text">UTF-8, well formed.</param>
    /// <param name="length">Its bytes.</param>
    /// <returns>What it becomes, or null when none is in the map.</returns>
    public string? Find(ReadOnlySpan<byte> text, out int length)
    {
        var (node, found) = (Offset(_units[0]), -1);
        length = 0;
        for (var at = 0; at < text.Length; at++)
        {
            node ^= text[at];
            if (node >= _units.Length || (_units[node] & 0x800000FF) != text[at])
            {
                break;
            }

            var unit = _units[node];
            node ^= Offset(unit);
            if ((unit >> 8 & 1) != 0 && node < _units.Length)
            {
                (found, length) = ((int)(_units[node] & 0x7FFFFFFF), at + 1);
            }
        }

        if (found < 0 || found >= _replacements.Length)
        {
            return null;
        }

        var replacement = _replacements.AsSpan(found);
        return Encoding.UTF8.GetString(replacement[..replacement.IndexOf((byte)0)]);
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & (1 << 9)) >> 6);
}
