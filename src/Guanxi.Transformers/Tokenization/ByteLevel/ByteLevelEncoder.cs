using System.Buffers;
using System.Text;
using Guanxi.Transformers.Tokenization.Merging;
using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>Merges the bytes of words.</summary>
/// <remarks>Source: models/bpe of huggingface/tokenizers: merges come in the order of the file, the leftmost of equals first.</remarks>
internal sealed class ByteLevelEncoder
{
    private const int ShortWord = 192;
    private const int Missing = -1;

    private readonly ByteLevelModel _model;
    private readonly MergeTable _merges;
    private readonly int[] _byteIds;
    private readonly int[] _lengths;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _whole;
    private readonly WordCache _cache = new();

    /// <summary>Makes the tables.</summary>
    /// <param name="model">A model that was checked.</param>
    public ByteLevelEncoder(ByteLevelModel model)
    {
        _model = model;
        _byteIds = [.. Enumerable.Range(0, 256).Select(value => ByteAlphabet.Character(value).ToString())
            .Select(text => model.Vocabulary.TryGetValue(text, out var id) ? id : model.UnknownId ?? Missing)];
        _lengths = [.. model.Tokens.Select(token => token?.Length ?? 0)];
        var ranks = new Dictionary<(int, int), MergeTable.Merge>(model.Merges.Count);
        for (var rank = 0; rank < model.Merges.Count; rank++)
        {
            var (left, right, result) = model.Merges[rank];
            ranks[(left, right)] = new MergeTable.Merge(left, right, result, rank);
        }

        _merges = new MergeTable([.. ranks.Values], CharacterBoundaries.NeighboursIn(model.Vocabulary.Keys));
        _whole = (model.IgnoresMerges ? new Dictionary<string, int>(model.Vocabulary, StringComparer.Ordinal) : new(StringComparer.Ordinal))
            .GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Encodes a text without added tokens.</summary>
    /// <param name="text">The text, normalised.</param>
    /// <param name="at">Where it begins in <paramref name="places"/>.</param>
    /// <param name="places">Its source; null when it is the source.</param>
    /// <param name="output">Tokens are appended here.</param>
    public void Encode(ReadOnlySpan<char> text, int at, AlignedText? places, ref TokenBuffer output)
    {
        var start = 0;
        foreach (var end in WordSplitter.SplitAll(_model.Splitters, text))
        {
            while (start < end)
            {
                // Whether a word is a token is asked of the whole word.
                var length = _model.IgnoresMerges ? end - start : CharacterBoundaries.EndOfRun(_merges, text[start..end]);
                EncodeRun(text.Slice(start, length), at + start, places, ref output);
                start += length;
            }
        }
    }

    private void EncodeRun(ReadOnlySpan<char> word, int at, AlignedText? places, ref TokenBuffer output)
    {
        if (_cache.Find(word, out var hash) is { } known)
        {
            Add(known, word, at, places, ref output);
            return;
        }

        var most = Encoding.UTF8.GetMaxByteCount(word.Length);
        byte[]? rentedBytes = null;
        int[]? rentedSymbols = null;
        var bytes = most <= ShortWord ? stackalloc byte[ShortWord] : (rentedBytes = ArrayPool<byte>.Shared.Rent(most));
        var symbols = most <= ShortWord ? stackalloc int[ShortWord] : (rentedSymbols = ArrayPool<int>.Shared.Rent(most));
        var ids = symbols[..Merge(bytes[..Encoding.UTF8.GetBytes(word, bytes)], symbols)];
        _cache.Add(word, hash, ids);
        Add(ids, word, at, places, ref output);
        if (rentedBytes is not null)
        {
            ArrayPool<byte>.Shared.Return(rentedBytes);
            ArrayPool<int>.Shared.Return(rentedSymbols!);
        }
    }

    private int Merge(ReadOnlySpan<byte> bytes, Span<int> symbols)
    {
        if (_model.IgnoresMerges && TryWhole(bytes, out symbols[0]))
        {
            return 1;
        }

        var count = 0;
        foreach (var value in bytes)
        {
            if (_byteIds[value] is not Missing and var id)
            {
                symbols[count++] = id;
            }
        }

        return BpeMerger.Merge(_merges, symbols[..count]);
    }

    private bool TryWhole(ReadOnlySpan<byte> bytes, out int id)
    {
        id = Missing;
        if (bytes.Length > ShortWord)
        {
            return false;
        }

        Span<char> spelled = stackalloc char[bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            spelled[i] = ByteAlphabet.Character(bytes[i]);
        }

        return _whole.TryGetValue(spelled, out id);
    }

    private void Add(ReadOnlySpan<int> ids, ReadOnlySpan<char> word, int at, AlignedText? places, ref TokenBuffer output)
    {
        if (!output.HasOffsets)
        {
            output.AddRange(ids);
            return;
        }

        var (unit, used) = (0, 0);
        foreach (var id in ids)
        {
            var (first, end) = (unit, unit);
            for (var left = _lengths[id]; left > 0 && unit < word.Length;)
            {
                Rune.DecodeFromUtf16(word[unit..], out var rune, out var units);
                var taken = Math.Min(left, rune.Utf8SequenceLength - used);
                (left, used, end) = (left - taken, used + taken, unit + units);
                if (used == rune.Utf8SequenceLength)
                {
                    (unit, used) = (end, 0);
                }
            }

            var (start, stop) = Trim(word, first, end);
            output.Add(id, places?.StartOf(at + start) ?? at + start, places?.EndOf(at + stop) ?? at + stop);
        }
    }

    private (int Start, int End) Trim(ReadOnlySpan<char> word, int start, int end)
    {
        if (_model.TrimsOffsets)
        {
            while (start < end && word[start] == ' ')
            {
                start++;
            }

            while (end > start && word[end - 1] == ' ')
            {
                end--;
            }
        }

        return (start, end);
    }
}
