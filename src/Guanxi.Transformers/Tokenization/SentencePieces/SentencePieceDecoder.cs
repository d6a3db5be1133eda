using System.Buffers;
using System.Text;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>Turns ids of a SentencePiece vocabulary back into text.</summary>
/// <remarks>
/// Source: sentencepiece_processor.cc of google/sentencepiece. Bytes in a row are read as UTF-8 and every byte that is none gives
/// its own U+FFFD (not one for a whole broken sequence). Of a dummy prefix one space vanishes from the first piece that gives text.
/// </remarks>
internal sealed class SentencePieceDecoder
{
    private const int NotAByte = -1;

    private readonly string[] _texts;
    private readonly short[] _bytes;
    private readonly bool[] _mayLoseSpace;

    /// <summary>Prepares the text of every id.</summary>
    /// <param name="model">A model that was validated.</param>
    public SentencePieceDecoder(SentencePieceModel model)
    {
        var pieces = model.Pieces;
        _texts = [.. pieces.Select(piece => piece.Type switch
        {
            SentencePieceType.Control => string.Empty,
            SentencePieceType.Unknown => model.UnknownSurface,
            _ => piece.Text.Replace(SentencePieceModel.Space, ' '),
        })];
        _bytes = new short[pieces.Count];
        _mayLoseSpace = new bool[pieces.Count];
        for (var id = 0; id < pieces.Count; id++)
        {
            var (text, _, type) = pieces[id];
            _bytes[id] = type == SentencePieceType.Byte ? SentencePieceModel.ByteOf(text) : (short)NotAByte;
            _mayLoseSpace[id] = model.AddDummyPrefix && text.StartsWith(SentencePieceModel.Space)
                && type is SentencePieceType.Normal or SentencePieceType.UserDefined;
        }
    }

    /// <summary>Decodes ids that are all of this vocabulary.</summary>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var text = new StringBuilder(ids.Length * 2);
        var isFirst = true;
        for (var i = 0; i < ids.Length; i++)
        {
            if (_bytes[ids[i]] != NotAByte)
            {
                i += AppendBytes(ids[i..], text) - 1;
                continue;
            }

            isFirst &= text.Length == 0;
            var piece = _texts[ids[i]].AsSpan();
            if (isFirst && _mayLoseSpace[ids[i]])
            {
                piece = piece[1..];
                isFirst = false;
            }

            text.Append(piece);
        }

        return text.ToString();
    }

    /// <summary>Appends what the bytes at the front of <paramref name="ids"/> say.</summary>
    /// <returns>Number of ids read.</returns>
    private int AppendBytes(ReadOnlySpan<int> ids, StringBuilder text)
    {
        var count = 0;
        while (count < ids.Length && _bytes[ids[count]] != NotAByte)
        {
            count++;
        }

        var rented = ArrayPool<byte>.Shared.Rent(count);
        for (var i = 0; i < count; i++)
        {
            rented[i] = (byte)_bytes[ids[i]];
        }

        Span<char> units = stackalloc char[2];
        for (var rest = rented.AsSpan(0, count); !rest.IsEmpty;)
        {
            var isWhole = Rune.DecodeFromUtf8(rest, out var rune, out var used) == OperationStatus.Done;
            text.Append(units[..rune.EncodeToUtf16(units)]);
            rest = rest[(isWhole ? used : 1)..];
        }

        ArrayPool<byte>.Shared.Return(rented);
        return count;
    }
}
