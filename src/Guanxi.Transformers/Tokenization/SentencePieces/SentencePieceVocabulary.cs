using System.Text;
using Guanxi.Transformers.Tokenization.Merging;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>The tables that encoding looks things up in, made once from a <see cref="SentencePieceModel"/>.</summary>
/// <remarks>
/// A symbol is a number for a string that may stand between two merges: a normal piece (its id), or a character that is in
/// pieces but is none itself (a number behind the last id), which can still be merged.
/// </remarks>
internal sealed class SentencePieceVocabulary
{
    /// <summary>The character is in no piece.</summary>
    private const int None = -1;

    /// <summary>Half of a surrogate pair, or the start of a user-defined piece: the tables for whole characters decide.</summary>
    private const int LookCloser = -2;

    /// <summary>This and smaller numbers: the character is a user-defined piece whose id is <c>Alone - entry</c>.</summary>
    private const int Alone = -3;

    private const int FirstSurrogate = 0xD800;
    private const int Surrogates = 0x800;

    private readonly int[] _entryOfUnit = new int[char.MaxValue + 1];
    private readonly Dictionary<int, int> _symbolOfRune;
    private readonly Dictionary<char, int[]> _userLengths = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _userIds;
    private readonly int[] _lengths;

    /// <summary>Makes the tables.</summary>
    /// <param name="model">A model that was validated.</param>
    public SentencePieceVocabulary(SentencePieceModel model)
    {
        Size = model.Pieces.Count;
        Unknown = new UnknownPieces(model);
        var userIds = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < Size; id++)
        {
            var (text, _, type) = model.Pieces[id];
            if (type == SentencePieceType.UserDefined)
            {
                userIds.Add(text, id);
            }
        }

        (Merges, _symbolOfRune, _lengths) = new MergeTableBuilder(model).Build();
        _userIds = userIds.GetAlternateLookup<ReadOnlySpan<char>>();
        FillUnits(userIds);
        SpacesBeginWords = _symbolOfRune.ContainsKey(SentencePieceModel.Space) && !model.Pieces.Any(piece =>
            piece.Type is SentencePieceType.Normal or SentencePieceType.UserDefined
            && piece.Text.AsSpan().TrimStart(SentencePieceModel.Space).Contains(SentencePieceModel.Space));
    }

    /// <summary>Number of ids; symbols from here on are characters without an id.</summary>
    public int Size { get; }

    /// <summary>What becomes of characters in no piece.</summary>
    public UnknownPieces Unknown { get; }

    /// <summary>The merges.</summary>
    public MergeTable Merges { get; }

    /// <summary>Whether a space is a piece and no piece holds one behind another character, so that each word with the spaces before it is
    /// encoded as it would be alone.</summary>
    public bool SpacesBeginWords { get; }

    /// <summary>What words came to, where <see cref="SpacesBeginWords"/>.</summary>
    public WordCache Words { get; } = new();

    /// <summary>UTF-16 units of a symbol.</summary>
    public int LengthOf(int symbol) => _lengths[symbol];

    /// <summary>Reads what stands at the front of <paramref name="text"/>, which holds no lone surrogate.</summary>
    /// <param name="text">The rest of the text, not empty.</param>
    /// <param name="length">UTF-16 units read.</param>
    /// <param name="isFrozen">True for a user-defined piece: it takes part in no merge.</param>
    /// <returns>A symbol, the id of a user-defined piece, or -1 for a character in no piece.</returns>
    public int Read(ReadOnlySpan<char> text, out int length, out bool isFrozen)
    {
        var entry = _entryOfUnit[text[0]];
        length = 1;
        isFrozen = entry <= Alone;
        if (entry >= None)
        {
            return entry;
        }

        return isFrozen ? Alone - entry : ReadClosely(text, out length, out isFrozen);
    }

    private int ReadClosely(ReadOnlySpan<char> text, out int length, out bool isFrozen)
    {
        if (_userLengths.TryGetValue(text[0], out var lengths))
        {
            foreach (var candidate in lengths)
            {
                if (candidate <= text.Length && _userIds.TryGetValue(text[..candidate], out var id))
                {
                    (length, isFrozen) = (candidate, true);
                    return id;
                }
            }
        }

        Rune.DecodeFromUtf16(text, out var rune, out length);
        isFrozen = false;
        return _symbolOfRune.GetValueOrDefault(rune.Value, None);
    }

    private void FillUnits(Dictionary<string, int> userIds)
    {
        Array.Fill(_entryOfUnit, None);
        Array.Fill(_entryOfUnit, LookCloser, FirstSurrogate, Surrogates);
        foreach (var (rune, symbol) in _symbolOfRune)
        {
            if (rune <= char.MaxValue)
            {
                _entryOfUnit[rune] = symbol;
            }
        }

        foreach (var group in userIds.Keys.GroupBy(text => text[0]))
        {
            var lengths = group.Select(text => text.Length).Distinct().OrderDescending().ToArray();
            _userLengths.Add(group.Key, lengths);
            _entryOfUnit[group.Key] = lengths is [1] ? Alone - userIds[group.Key.ToString()] : LookCloser;
        }
    }
}
