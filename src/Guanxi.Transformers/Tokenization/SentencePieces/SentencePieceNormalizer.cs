using System.Text;
using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>What a SentencePiece model does to a text before it looks for pieces.</summary>
/// <remarks>
/// Source: normalizer.cc of google/sentencepiece: user-defined pieces stay as they are; else the longest entry of the map is replaced; then
/// spaces are dropped that another one or an end of the text is beside.
/// </remarks>
internal sealed class SentencePieceNormalizer
{
    private readonly PrecompiledMap? _map;
    private readonly bool _removesSpaces;
    private readonly AddedTokenMatcher _kept;

    private SentencePieceNormalizer(SentencePieceModel model)
    {
        _map = model.CharactersMap.IsEmpty ? null : PrecompiledMap.Read(model.CharactersMap.Span);
        _removesSpaces = model.RemoveExtraSpaces;
        _kept = new AddedTokenMatcher([.. model.Pieces.Select((piece, id) => new AddedToken(id, piece.Text, IsSpecial: false))
            .Where(token => model.Pieces[token.Id].Type == SentencePieceType.UserDefined)]);
    }

    /// <summary>The normaliser of a model, or null when it changes nothing.</summary>
    public static SentencePieceNormalizer? Of(SentencePieceModel model) =>
        model.RemoveExtraSpaces || !model.CharactersMap.IsEmpty ? new SentencePieceNormalizer(model) : null;

    /// <summary>Normalises a text.</summary>
    public AlignedText Apply(ReadOnlySpan<char> text)
    {
        var result = new Result(_removesSpaces, text.Length);
        var position = 0;
        while (_kept.TryFind(text, position, parseSpecial: false, out var match))
        {
            Replace(text[position..match.Start], position, result);
            result.Add(text[match.Start..match.End].ToString(), match.Start, match.End);
            position = match.End;
        }

        Replace(text[position..], position, result);
        return result.End();
    }

    private void Replace(ReadOnlySpan<char> text, int origin, Result result)
    {
        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        ReadOnlySpan<byte> rest = bytes.AsSpan(0, Encoding.UTF8.GetBytes(text, bytes));
        for (var at = 0; at < text.Length;)
        {
            var length = 0;
            var replacement = _map?.Find(rest, out length);
            var start = at;
            do
            {
                Rune.DecodeFromUtf16(text[at..], out var rune, out var units);
                length -= rune.Utf8SequenceLength;
                at += units;
                rest = rest[rune.Utf8SequenceLength..];
            }
            while (replacement is not null && length > 0 && at < text.Length);

            result.Add(replacement ?? text[start..at].ToString(), origin + start, origin + at);
        }
    }

    private sealed class Result(bool removesSpaces, int capacity)
    {
        private readonly StringBuilder _text = new(capacity);
        private readonly List<int> _starts = new(capacity);
        private readonly List<int> _ends = new(capacity);

        public void Add(string text, int start, int end)
        {
            foreach (var unit in text)
            {
                if (removesSpaces && unit == ' ' && (_text.Length == 0 || _text[^1] == ' '))
                {
                    continue;
                }

                _text.Append(unit);
                _starts.Add(start);
                _ends.Add(end);
            }
        }

        public AlignedText End()
        {
            var length = _text.Length;
            if (removesSpaces && length > 0 && _text[^1] == ' ')
            {
                length--;
            }

            return new AlignedText(_text.ToString(0, length), [.. _starts], [.. _ends]);
        }
    }
}
