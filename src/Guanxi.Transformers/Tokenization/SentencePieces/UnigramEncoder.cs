using System.Buffers;
using System.Text;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>Cuts text into the pieces whose scores have the largest sum.</summary>
/// <remarks>
/// Source: unigram_model.cc of google/sentencepiece (EncodeOptimized): one pass over the text keeps, for every place, the best way to get
/// there; a character in no piece scores 10 below the worst piece, a user-defined piece its length in bytes times the best score.
/// </remarks>
internal sealed class UnigramEncoder
{
    private const float UnknownPenalty = 10;
    private const float UserDefinedPenalty = 0.1f;
    private const int Unreached = -1;

    private readonly SentencePieceModel _model;
    private readonly UnknownPieces _unknown;
    private readonly CharTrie _trie = new();
    private readonly float[] _scores;
    private readonly float _unknownScore;

    /// <summary>Makes the tables.</summary>
    /// <param name="model">A model that was validated.</param>
    public UnigramEncoder(SentencePieceModel model)
    {
        _model = model;
        _unknown = new UnknownPieces(model);
        var normal = model.Pieces.Where(piece => piece.Type == SentencePieceType.Normal)
            .Select(piece => piece.Score).DefaultIfEmpty().ToArray();
        var best = normal.Max();
        _unknownScore = normal.Min() - UnknownPenalty;
        _scores = [.. model.Pieces.Select(piece => piece.Type == SentencePieceType.UserDefined
            ? (Encoding.UTF8.GetByteCount(piece.Text) * best) - UserDefinedPenalty
            : piece.Score)];
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            if (model.Pieces[id].Type is SentencePieceType.Normal or SentencePieceType.UserDefined)
            {
                _trie.Add(CharTrie.Root, model.Pieces[id].Text, id);
            }
        }

        _trie.Seal();
    }

    /// <summary>Encodes one text.</summary>
    /// <param name="text">Any text, normalised; lone surrogates count as U+FFFD.</param>
    /// <param name="output">Tokens are appended here, with places in <paramref name="text"/>.</param>
    public void Encode(ReadOnlySpan<char> text, ref TokenBuffer output)
    {
        if (text.IsEmpty)
        {
            return;
        }

        var prefix = _model.AddDummyPrefix ? 1 : 0;
        var length = text.Length + prefix;
        var normal = ArrayPool<char>.Shared.Rent(length);
        var steps = ArrayPool<Step>.Shared.Rent(length + 1);
        SentencePieceEncoder.Prepare(text, prefix, normal.AsSpan(0, length));
        var way = steps.AsSpan(0, length + 1);
        Search(normal.AsSpan(0, length), way);
        AddBest(normal.AsSpan(0, length), way, prefix, ref output);
        ArrayPool<char>.Shared.Return(normal);
        ArrayPool<Step>.Shared.Return(steps);
    }

    private void Search(ReadOnlySpan<char> text, Span<Step> way)
    {
        way.Fill(new Step(0, Unreached, 0));
        way[0] = default;
        for (var start = 0; start < text.Length;)
        {
            var character = char.IsHighSurrogate(text[start]) ? 2 : 1;
            var (reached, hasSingle, node) = (way[start].Score, false, CharTrie.Root);
            for (var at = start; at < text.Length; at++)
            {
                node = _trie.Step(node, text[at]);
                if (node == CharTrie.None)
                {
                    break;
                }

                if (_trie.WordAt(node) is not CharTrie.None and var id)
                {
                    Offer(ref way[at + 1], reached + _scores[id], start, id);
                    hasSingle |= at + 1 - start == character;
                }
            }

            if (!hasSingle)
            {
                Offer(ref way[start + character], reached + _unknownScore, start, CharTrie.None);
            }

            start += character;
        }
    }

    private static void Offer(ref Step step, float score, int start, int id)
    {
        if (step.Start == Unreached || score > step.Score)
        {
            step = new Step(score, start, id);
        }
    }

    /// <summary>Appends the pieces of the best way, which is known from its end.</summary>
    private void AddBest(ReadOnlySpan<char> text, ReadOnlySpan<Step> way, int prefix, ref TokenBuffer output)
    {
        var ends = ArrayPool<int>.Shared.Rent(text.Length);
        var count = 0;
        for (var at = text.Length; at > 0; at = way[at].Start)
        {
            ends[count++] = at;
        }

        var first = output.Count;
        while (count > 0)
        {
            var end = ends[--count];
            var (_, start, id) = way[end];
            if (id == CharTrie.None)
            {
                _unknown.Add(text[start..end], start - prefix, first, ref output);
            }
            else
            {
                output.Add(id, start - prefix, end - prefix);
            }
        }

        ArrayPool<int>.Shared.Return(ends);
    }

    private readonly record struct Step(float Score, int Start, int Id);
}
