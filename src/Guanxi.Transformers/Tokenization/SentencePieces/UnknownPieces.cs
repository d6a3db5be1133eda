using System.Text;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>What becomes of characters that are in no piece: their bytes, or the unknown piece.</summary>
internal sealed class UnknownPieces
{
    private readonly int[] _byteIds = new int[256];
    private readonly bool _hasBytes;
    private readonly int _unknownId;

    /// <summary>Finds the pieces.</summary>
    /// <param name="model">A model that was validated.</param>
    public UnknownPieces(SentencePieceModel model)
    {
        _hasBytes = model.ByteFallback;
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            var (text, _, type) = model.Pieces[id];
            if (type == SentencePieceType.Byte)
            {
                _byteIds[SentencePieceModel.ByteOf(text)] = id;
            }
            else if (type == SentencePieceType.Unknown)
            {
                _unknownId = id;
            }
        }
    }

    /// <summary>Appends what stands for a character.</summary>
    /// <param name="character">The character.</param>
    /// <param name="start">Where it begins.</param>
    /// <param name="first">Tokens before the text being encoded.</param>
    /// <param name="output">Receives the tokens.</param>
    public void Add(ReadOnlySpan<char> character, int start, int first, ref TokenBuffer output)
    {
        var end = start + character.Length;
        if (_hasBytes)
        {
            Span<byte> bytes = stackalloc byte[4];
            var count = Encoding.UTF8.GetBytes(character, bytes);
            foreach (var value in bytes[..count])
            {
                output.Add(_byteIds[value], start, end);
            }
        }
        else if (output.Count > first && output.Last == _unknownId)
        {
            // SentencePiece makes one unknown token of neighbours.
            output.ExtendLast(end);
        }
        else
        {
            output.Add(_unknownId, start, end);
        }
    }
}
