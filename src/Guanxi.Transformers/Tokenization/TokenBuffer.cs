using System.Buffers;
using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization;

/// <summary>Grows a list of ids, and of their places where they are wanted, in pooled memory.</summary>
internal struct TokenBuffer
{
    private int[] _ids;
    private (int Start, int End)[]? _offsets;
    private int _limit;

    /// <summary>Makes an empty list.</summary>
    /// <param name="capacity">Tokens expected; more only cost a copy.</param>
    /// <param name="withOffsets">Whether places are kept.</param>
    public TokenBuffer(int capacity, bool withOffsets)
    {
        _ids = ArrayPool<int>.Shared.Rent(Math.Max(capacity, 16));
        _offsets = withOffsets ? ArrayPool<(int, int)>.Shared.Rent(_ids.Length) : null;
        _limit = Math.Min(_ids.Length, _offsets?.Length ?? int.MaxValue);
    }

    /// <summary>Tokens so far.</summary>
    public int Count { get; private set; }

    /// <summary>Added to every place: where in the whole text the part being encoded begins.</summary>
    public int Origin { get; set; }

    /// <summary>Whether places are kept.</summary>
    public readonly bool HasOffsets => _offsets is not null;

    /// <summary>The last id.</summary>
    public readonly int Last => _ids[Count - 1];

    /// <summary>Appends a token.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="start">Where it begins in the part; below 0 counts as 0.</param>
    /// <param name="end">Where it ends; below 0 counts as 0.</param>
    public void Add(int id, int start, int end)
    {
        if (Count >= _limit)
        {
            Grow();
        }

        if (_offsets is not null)
        {
            _offsets[Count] = (Origin + Math.Max(start, 0), Origin + Math.Max(end, 0));
        }

        _ids[Count++] = id;
    }

    /// <summary>Appends tokens whose places nobody wants.</summary>
    /// <param name="ids">Their ids.</param>
    public void AddRange(ReadOnlySpan<int> ids)
    {
        while (Count + ids.Length > _limit)
        {
            Grow();
        }

        ids.CopyTo(_ids.AsSpan(Count));
        Count += ids.Length;
    }

    /// <summary>The ids from one on; valid until the next token is appended.</summary>
    /// <param name="first">Tokens to leave out.</param>
    public readonly ReadOnlySpan<int> From(int first) => _ids.AsSpan(first, Count - first);

    /// <summary>Makes the last token reach further.</summary>
    /// <param name="end">Its new end in the part.</param>
    public readonly void ExtendLast(int end)
    {
        if (_offsets is not null)
        {
            _offsets[Count - 1].End = Origin + end;
        }
    }

    /// <summary>Makes places in a text that was made of the part into places in the part.</summary>
    /// <param name="first">The first token of the part.</param>
    /// <param name="places">The text that was made.</param>
    public readonly void MapOffsets(int first, AlignedText places)
    {
        if (_offsets is null)
        {
            return;
        }

        foreach (ref var offset in _offsets.AsSpan(first, Count - first))
        {
            var (start, end) = (places.StartOf(offset.Start - Origin), places.EndOf(offset.End - Origin));
            offset = (Origin + Math.Min(start, end), Origin + end);
        }
    }

    /// <summary>The ids, copied.</summary>
    public readonly int[] ToIds() => _ids.AsSpan(0, Count).ToArray();

    /// <summary>The places, copied; empty when they are not kept.</summary>
    public readonly (int Start, int End)[] ToOffsets() => _offsets is null ? [] : _offsets.AsSpan(0, Count).ToArray();

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        ArrayPool<int>.Shared.Return(_ids);
        if (_offsets is not null)
        {
            ArrayPool<(int, int)>.Shared.Return(_offsets);
        }

        (_ids, _offsets) = ([], null);
    }

    private void Grow()
    {
        _ids = Larger(_ids);
        if (_offsets is not null)
        {
            _offsets = Larger(_offsets);
        }

        // The pool rounds sizes up, each in its own way.
        _limit = Math.Min(_ids.Length, _offsets?.Length ?? int.MaxValue);
    }

    private readonly T[] Larger<T>(T[] old)
    {
        var larger = ArrayPool<T>.Shared.Rent(checked(old.Length * 2));
        old.AsSpan(0, Count).CopyTo(larger);
        ArrayPool<T>.Shared.Return(old);
        return larger;
    }
}
