using System.Text;
using Guanxi.Transformers.Tokenization.Merging;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>Finds every pair of symbols that can merge: any two whose strings put together are a normal piece.</summary>
/// <remarks>
/// SentencePiece looks strings up when it merges; here every way to cut a piece in two is found beforehand. A character that is
/// in a piece but is none itself gets a symbol behind the last id, because it can still be merged.
/// </remarks>
internal sealed class MergeTableBuilder
{
    private readonly SentencePieceModel _model;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly Dictionary<int, int> _symbolOfRune = [];
    private readonly List<int> _lengths;
    private readonly List<MergeTable.Merge> _merges = [];
    private readonly List<(int Left, int Right)> _neighbours = [];

    /// <summary>Prepares the search.</summary>
    /// <param name="model">A model that was validated.</param>
    public MergeTableBuilder(SentencePieceModel model)
    {
        _model = model;
        _ids = new Dictionary<string, int>(model.Pieces.Count, StringComparer.Ordinal);
        _lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _lengths = [.. model.Pieces.Select(piece => piece.Text.Length)];
        for (var id = 0; id < model.Pieces.Count; id++)
        {
            var (text, _, type) = model.Pieces[id];
            if (type != SentencePieceType.Normal)
            {
                continue;
            }

            if (TryRune(text, out var rune))
            {
                _symbolOfRune.Add(rune, id);
            }
            else
            {
                _ids.Add(text, id);
            }
        }
    }

    /// <summary>Searches all pieces.</summary>
    /// <returns>The table, the symbol of every character that is in a piece, and the UTF-16 units of every symbol.</returns>
    public (MergeTable Merges, Dictionary<int, int> SymbolOfRune, int[] Lengths) Build()
    {
        var ranks = Ranks();
        foreach (var id in _ids.Values)
        {
            AddPiece(id, ranks[id]);
        }

        return (new MergeTable(_merges, _neighbours), _symbolOfRune, [.. _lengths]);
    }

    /// <summary>Ranks by falling score; equal scores have equal ranks.</summary>
    private int[] Ranks()
    {
        var scores = _model.Pieces.Select(piece => -piece.Score).ToArray();
        var order = Enumerable.Range(0, scores.Length).ToArray();
        Array.Sort(scores, order);
        var ranks = new int[scores.Length];
        for (var (i, rank) = (0, 0); i < scores.Length; i++)
        {
            rank += i > 0 && scores[i] != scores[i - 1] ? 1 : 0;
            ranks[order[i]] = rank;
        }

        return ranks;
    }

    private void AddPiece(int id, int rank)
    {
        var text = _model.Pieces[id].Text.AsSpan();
        var previous = -1;
        var cut = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            var symbol = SymbolOf(rune);
            if (previous >= 0)
            {
                _neighbours.Add((previous, symbol));
                var left = Find(text[..cut]);
                var right = left < 0 ? -1 : Find(text[cut..]);
                if (right >= 0)
                {
                    _merges.Add(new MergeTable.Merge(left, right, id, rank));
                }
            }

            previous = symbol;
            cut += rune.Utf16SequenceLength;
        }
    }

    private int Find(ReadOnlySpan<char> text)
    {
        if (TryRune(text, out var rune))
        {
            return SymbolOf(new Rune(rune));
        }

        return _lookup.TryGetValue(text, out var id) ? id : -1;
    }

    private int SymbolOf(Rune rune)
    {
        if (!_symbolOfRune.TryGetValue(rune.Value, out var symbol))
        {
            symbol = _lengths.Count;
            _lengths.Add(rune.Utf16SequenceLength);
            _symbolOfRune.Add(rune.Value, symbol);
        }

        return symbol;
    }

    private static bool TryRune(ReadOnlySpan<char> text, out int value)
    {
        value = text.Length switch
        {
            1 => text[0],
            2 when char.IsSurrogatePair(text[0], text[1]) => char.ConvertToUtf32(text[0], text[1]),
            _ => -1,
        };
        return value >= 0;
    }
}
