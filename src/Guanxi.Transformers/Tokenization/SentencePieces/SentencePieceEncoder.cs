using System.Buffers;
using Guanxi.Transformers.Tokenization.Merging;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>Cuts text into pieces as SentencePiece's BPE model does.</summary>
/// <remarks>
/// Source: bpe_model.cc and normalizer.cc of google/sentencepiece: user-defined pieces first, longest match; then merges by score,
/// leftmost of equals; then bytes for what is in no piece. We differ in the way only: the text falls into runs between
/// characters that no piece holds side by side, and each run is merged alone (see <see cref="MergeTable"/>).
/// Where pieces hold a space in front only, words that came before are looked up.
/// </remarks>
internal static class SentencePieceEncoder
{
    private const int StackLimit = 256;

    /// <summary>Encodes one text.</summary>
    /// <param name="vocabulary">The tables.</param>
    /// <param name="text">Any text; lone surrogates count as U+FFFD.</param>
    /// <param name="addDummyPrefix">Whether a space goes in front; an empty text stays empty.</param>
    /// <param name="output">Tokens are appended here, with places in <paramref name="text"/>.</param>
    public static void Encode(SentencePieceVocabulary vocabulary, ReadOnlySpan<char> text, bool addDummyPrefix, ref TokenBuffer output)
    {
        if (text.IsEmpty)
        {
            return;
        }

        var prefix = addDummyPrefix ? 1 : 0;
        var length = text.Length + prefix;
        char[]? rentedText = null;
        int[]? rentedRun = null;
        var normal = length <= StackLimit ? stackalloc char[StackLimit] : (rentedText = ArrayPool<char>.Shared.Rent(length));
        var run = length <= StackLimit ? stackalloc int[StackLimit] : (rentedRun = ArrayPool<int>.Shared.Rent(length));
        normal = normal[..length];
        Prepare(text, prefix, normal);
        if (vocabulary.SpacesBeginWords && !output.HasOffsets)
        {
            EncodeWords(vocabulary, normal, run, ref output);
        }
        else
        {
            new Pass(vocabulary, normal, prefix, run).Run(ref output);
        }

        if (rentedText is not null)
        {
            ArrayPool<char>.Shared.Return(rentedText);
            ArrayPool<int>.Shared.Return(rentedRun!);
        }
    }

    private static void EncodeWords(SentencePieceVocabulary vocabulary, ReadOnlySpan<char> text, Span<int> run, ref TokenBuffer output)
    {
        while (!text.IsEmpty)
        {
            var spaces = Math.Max(0, text.IndexOfAnyExcept(SentencePieceModel.Space));
            var length = text[spaces..].IndexOf(SentencePieceModel.Space);
            var word = length < 0 || spaces + length == 0 ? text : text[..(spaces + length)];
            text = text[word.Length..];
            if (vocabulary.Words.Find(word, out var hash) is { } known)
            {
                output.AddRange(known);
                continue;
            }

            var first = output.Count;
            new Pass(vocabulary, word, 0, run).Run(ref output);
            vocabulary.Words.Add(word, hash, output.From(first));
        }
    }

    /// <summary>Writes a text as pieces spell it, with or without a space in front.</summary>
    public static void Prepare(ReadOnlySpan<char> text, int prefix, Span<char> normal)
    {
        normal[0] = SentencePieceModel.Space;
        text.Replace(normal[prefix..], ' ', SentencePieceModel.Space);
        ReplaceLoneSurrogates(normal);
    }

    private static void ReplaceLoneSurrogates(Span<char> text)
    {
        for (var rest = text; rest.IndexOfAnyInRange('\uD800', '\uDFFF') is >= 0 and var at;)
        {
            var pair = at + 1 < rest.Length && char.IsSurrogatePair(rest[at], rest[at + 1]);
            if (!pair)
            {
                rest[at] = '\uFFFD';
            }

            rest = rest[(at + (pair ? 2 : 1))..];
        }
    }

    /// <summary>One walk over a text.</summary>
    private readonly ref struct Pass(SentencePieceVocabulary vocabulary, ReadOnlySpan<char> text, int prefix, Span<int> run)
    {
        private readonly SentencePieceVocabulary _vocabulary = vocabulary;
        private readonly ReadOnlySpan<char> _text = text;
        private readonly int _prefix = prefix;
        private readonly Span<int> _run = run;

        public void Run(ref TokenBuffer output)
        {
            var merges = _vocabulary.Merges;
            var first = output.Count;
            var (runStart, runLength) = (0, 0);
            for (var position = 0; position < _text.Length;)
            {
                var symbol = _vocabulary.Read(_text[position..], out var length, out var isFrozen);
                var mayMerge = symbol >= 0 && !isFrozen;
                if (runLength > 0 && !(mayMerge && merges.MayTouch(_run[runLength - 1], symbol)))
                {
                    EndRun(runStart, runLength, first, ref output);
                    runLength = 0;
                }

                if (mayMerge)
                {
                    runStart = runLength == 0 ? position : runStart;
                    _run[runLength++] = symbol;
                }
                else if (isFrozen)
                {
                    output.Add(symbol, position - _prefix, position + length - _prefix);
                }
                else
                {
                    AddUnknown(position, length, first, ref output);
                }

                position += length;
            }

            EndRun(runStart, runLength, first, ref output);
        }

        private void EndRun(int start, int length, int first, ref TokenBuffer output)
        {
            var symbols = _run[..BpeMerger.Merge(_vocabulary.Merges, _run[..length])];
            foreach (var symbol in symbols)
            {
                var end = start + _vocabulary.LengthOf(symbol);
                if (symbol < _vocabulary.Size)
                {
                    output.Add(symbol, start - _prefix, end - _prefix);
                }
                else
                {
                    AddUnknown(start, end - start, first, ref output);
                }

                start = end;
            }
        }

        private void AddUnknown(int position, int length, int first, ref TokenBuffer output) =>
            _vocabulary.Unknown.Add(_text.Slice(position, length), position - _prefix, first, ref output);
    }
}
