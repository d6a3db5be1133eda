using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Guanxi.Transformers.Tokenization.Merging;

/// <summary>Merges a run of symbols: always the pair of the smallest rank, the leftmost of equals, until none is left.</summary>
/// <remarks>
/// Short runs, nearly all of them, are searched afresh after every merge, which beats any clever structure there.
/// Long ones (a line of one character, base64) go through a heap, so that time grows as n log n and not as n squared.
/// </remarks>
internal static class BpeMerger
{
    private const int ShortRun = 64;

    /// <summary>Merges in place.</summary>
    /// <param name="table">The merges.</param>
    /// <param name="symbols">The run; the front of it holds the result.</param>
    /// <returns>Number of symbols left.</returns>
    public static int Merge(MergeTable table, Span<int> symbols) => symbols.Length switch
    {
        < 2 => symbols.Length,
        2 => MergePair(table, symbols),
        <= ShortRun => MergeShort(table, symbols),
        _ => MergeLong(table, symbols),
    };

    private static int MergePair(MergeTable table, Span<int> symbols)
    {
        if (table.Rank(symbols[0], symbols[1], out var result) == MergeTable.NoRank)
        {
            return 2;
        }

        symbols[0] = result;
        return 1;
    }

    private static int MergeShort(MergeTable table, Span<int> symbols)
    {
        Span<int> ranks = stackalloc int[ShortRun];
        Span<int> results = stackalloc int[ShortRun];
        ranks.Fill(MergeTable.NoRank);
        var count = symbols.Length;
        for (var i = 0; i + 1 < count; i++)
        {
            ranks[i] = table.Rank(symbols[i], symbols[i + 1], out results[i]);
        }

        while (true)
        {
            var best = Smallest(ranks, count - 1);
            if (best == MergeTable.NoRank)
            {
                return count;
            }

            var at = ranks.IndexOf(best);
            symbols[at] = results[at];
            symbols[(at + 2)..count].CopyTo(symbols[(at + 1)..]);
            ranks[(at + 1)..count].CopyTo(ranks[at..]);
            results[(at + 1)..count].CopyTo(results[at..]);
            count--;
            ranks[count - 1] = MergeTable.NoRank;
            if (at + 1 < count)
            {
                ranks[at] = table.Rank(symbols[at], symbols[at + 1], out results[at]);
            }

            if (at > 0)
            {
                ranks[at - 1] = table.Rank(symbols[at - 1], symbols[at], out results[at - 1]);
            }
        }
    }

    /// <summary>The smallest rank; those behind the last pair are all <see cref="MergeTable.NoRank"/>.</summary>
    private static int Smallest(ReadOnlySpan<int> ranks, int pairs)
    {
        ref var first = ref MemoryMarshal.GetReference(ranks);
        var smallest = Vector256.LoadUnsafe(ref first);
        for (var at = Vector256<int>.Count; at < pairs; at += Vector256<int>.Count)
        {
            smallest = Vector256.Min(smallest, Vector256.LoadUnsafe(ref first, (nuint)at));
        }

        var half = Vector128.Min(smallest.GetLower(), smallest.GetUpper());
        half = Vector128.Min(half, Vector128.Shuffle(half, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Min(half, Vector128.Shuffle(half, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    private static int MergeLong(MergeTable table, Span<int> symbols)
    {
        var count = symbols.Length;
        var links = ArrayPool<int>.Shared.Rent(4 * count);

        // Every symbol starts one pair and every merge, of which there are fewer than symbols, makes two new ones at most.
        var keys = ArrayPool<ulong>.Shared.Rent(3 * count);
        try
        {
            var list = new LinkedRun(table, symbols, links);
            var heap = new MinHeap(keys);
            for (var i = 0; i + 1 < count; i++)
            {
                list.Offer(i, ref heap);
            }

            while (heap.TryPop(out var key))
            {
                list.Apply((int)(uint)key, (int)(key >> 32), ref heap);
            }

            return list.Compact();
        }
        finally
        {
            ArrayPool<int>.Shared.Return(links);
            ArrayPool<ulong>.Shared.Return(keys);
        }
    }

    /// <summary>Symbols as a doubly linked list, each with the merge it could make with its right neighbour.</summary>
    private readonly ref struct LinkedRun
    {
        private readonly MergeTable _table;
        private readonly Span<int> _symbols;
        private readonly Span<int> _next;
        private readonly Span<int> _previous;
        private readonly Span<int> _ranks;
        private readonly Span<int> _results;

        public LinkedRun(MergeTable table, Span<int> symbols, Span<int> storage)
        {
            var count = symbols.Length;
            _table = table;
            _symbols = symbols;
            _next = storage[..count];
            _previous = storage.Slice(count, count);
            _ranks = storage.Slice(2 * count, count);
            _results = storage.Slice(3 * count, count);
            _ranks.Fill(MergeTable.NoRank);
            for (var i = 0; i < count; i++)
            {
                (_next[i], _previous[i]) = (i + 1, i - 1);
            }
        }

        /// <summary>Puts the merge of a symbol with its right neighbour into the heap, if there is one.</summary>
        public void Offer(int left, ref MinHeap heap)
        {
            var right = _next[left];
            _ranks[left] = right < _symbols.Length ? _table.Rank(_symbols[left], _symbols[right], out _results[left]) : MergeTable.NoRank;
            if (_ranks[left] != MergeTable.NoRank)
            {
                heap.Push(((ulong)(uint)_ranks[left] << 32) | (uint)left);
            }
        }

        /// <summary>Does a merge that came off the heap, unless a neighbour has changed since it was put there.</summary>
        public void Apply(int left, int rank, ref MinHeap heap)
        {
            if (_ranks[left] != rank)
            {
                return;
            }

            var right = _next[left];
            _symbols[left] = _results[left];
            _ranks[right] = MergeTable.NoRank;
            _next[left] = _next[right];
            if (_next[left] < _symbols.Length)
            {
                _previous[_next[left]] = left;
            }

            Offer(left, ref heap);
            if (_previous[left] >= 0)
            {
                Offer(_previous[left], ref heap);
            }
        }

        /// <summary>Moves the symbols that are left to the front.</summary>
        public int Compact()
        {
            var count = 0;
            for (var i = 0; i < _symbols.Length; i = _next[i])
            {
                _symbols[count++] = _symbols[i];
            }

            return count;
        }
    }

    /// <summary>A binary heap of numbers in storage that is large enough.</summary>
    private ref struct MinHeap(Span<ulong> storage)
    {
        private readonly Span<ulong> _keys = storage;
        private int _count;

        public void Push(ulong key)
        {
            var at = _count++;
            while (at > 0 && key < _keys[(at - 1) / 2])
            {
                _keys[at] = _keys[(at - 1) / 2];
                at = (at - 1) / 2;
            }

            _keys[at] = key;
        }

        public bool TryPop(out ulong key)
        {
            if (_count == 0)
            {
                key = 0;
                return false;
            }

            key = _keys[0];
            var moved = _keys[--_count];
            var at = 0;
            for (var child = 1; child < _count; child = (2 * at) + 1)
            {
                child += child + 1 < _count && _keys[child + 1] < _keys[child] ? 1 : 0;
                if (moved <= _keys[child])
                {
                    break;
                }

                _keys[at] = _keys[child];
                at = child;
            }

            _keys[at] = moved;
            return true;
        }
    }
}
