using System.Text;

namespace Guanxi.Transformers.Tokenization.WordPieces;

/// <summary>Cuts text into words as BERT does and each word into the longest pieces from its left.</summary>
/// <param name="characters">What becomes of characters.</param>
/// <param name="vocabulary">The words.</param>
internal sealed class WordPieceEncoder(BertCharacters characters, WordPieceVocabulary vocabulary)
{
    // A word of 100 characters; each may be two units, and one character more may turn into several.
    private const int Room = 256;
    private const int Spare = 32;

    /// <summary>Encodes a text without special tokens.</summary>
    /// <param name="text">Any text; half a surrogate pair counts as U+FFFD.</param>
    /// <param name="output">Tokens are appended here, with places in <paramref name="text"/>.</param>
    public void Encode(ReadOnlySpan<char> text, ref TokenBuffer output)
    {
        var word = new Word(
            vocabulary, stackalloc char[Room], stackalloc int[Room], stackalloc int[Room], stackalloc int[Room], stackalloc int[Room]);
        for (var at = 0; at < text.Length; at++)
        {
            switch (characters.Role(text[at], out var turned))
            {
                case BertRole.Joins:
                    word.Append(turned, at, at + 1);
                    break;
                case BertRole.Alone:
                    word.Flush(ref output);
                    output.Add(vocabulary.Single(turned), at, at + 1);
                    break;
                case BertRole.Splits:
                    word.Flush(ref output);
                    break;
                case BertRole.LookCloser:
                    Rune.DecodeFromUtf16(text[at..], out var rune, out var length);
                    AppendClosely(rune.Value, at, at + length, ref word, ref output);
                    at += length - 1;
                    break;
            }
        }

        word.Flush(ref output);
    }

    private void AppendClosely(int rune, int start, int end, ref Word word, ref TokenBuffer output)
    {
        foreach (var (role, text) in characters.Closely(rune))
        {
            if (role != BertRole.Joins)
            {
                word.Flush(ref output);
            }

            if (role != BertRole.Splits)
            {
                word.Append(text, start, end);
            }

            if (role == BertRole.Alone)
            {
                word.Flush(ref output);
            }
        }
    }

    /// <summary>The word being read.</summary>
    private ref struct Word(
        WordPieceVocabulary vocabulary, Span<char> units, Span<int> starts, Span<int> ends, Span<int> ids, Span<int> cuts)
    {
        private readonly WordPieceVocabulary _vocabulary = vocabulary;
        private readonly Span<char> _units = units;
        private readonly Span<int> _starts = starts;
        private readonly Span<int> _ends = ends;
        private readonly Span<int> _ids = ids;
        private readonly Span<int> _cuts = cuts;
        private int _count;
        private int _characters;
        private int _end;

        public void Append(char unit, int start, int end)
        {
            // What does not fit belongs to a word that is too long: only its end matters.
            if (_count < Room - Spare)
            {
                (_units[_count], _starts[_count], _ends[_count]) = (unit, start, end);
                _count++;
            }

            _characters++;
            _end = end;
        }

        public void Append(string text, int start, int end)
        {
            for (var i = 0; i < text.Length; i++)
            {
                Append(text[i], start, end);
                _characters -= char.IsLowSurrogate(text[i]) ? 1 : 0;
            }
        }

        public void Flush(ref TokenBuffer output)
        {
            if (_count == 0)
            {
                return;
            }

            var count = _vocabulary.Cut(_units[.._count], _characters, _ids, _cuts);
            for (var i = 0; i < count; i++)
            {
                output.Add(_ids[i], _starts[i == 0 ? 0 : _cuts[i - 1]], _ends[_cuts[i] - 1]);
            }

            if (count == 0)
            {
                output.Add(_vocabulary.UnknownId, _starts[0], _end);
            }

            (_count, _characters) = (0, 0);
        }
    }
}
