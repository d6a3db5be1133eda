using System.Numerics;

namespace Guanxi.Transformers.Tokenization.Merging;

/// <summary>Which two neighbouring symbols merge, into which, and how early. A hash table made for lookups only.</summary>
/// <remarks>
/// Beside it lies a bitmap of symbols that stand next to each other inside some piece: two characters that do not can never
/// end up in one piece, so a text falls into short runs there, each of which is merged alone with the same result.
/// The bitmap may say yes for a pair it does not hold; that makes a run longer and changes nothing else.
/// Another bitmap, of the pairs that merge, answers most questions: unlike the table it stays in the processor's cache.
/// </remarks>
internal sealed class MergeTable
{
    /// <summary>Rank of a pair that does not merge; every real rank is smaller.</summary>
    public const int NoRank = int.MaxValue;

    private const ulong Golden = 0x9E3779B97F4A7C15UL;
    private const int BitsPerPair = 8;
    private const int SmallestBitmap = 1 << 12;
    private const int LargestBitmap = 1 << 21;

    private readonly Entry[] _entries;
    private readonly int _entryMask;
    private readonly ulong[] _pairs;
    private readonly int _pairShift;
    private readonly ulong[] _neighbours;
    private readonly int _neighbourShift;

    /// <summary>Builds both tables.</summary>
    /// <param name="merges">Every pair that merges, each once.</param>
    /// <param name="neighbours">Pairs of characters that stand side by side in a piece; repeats do no harm.</param>
    public MergeTable(List<Merge> merges, List<(int Left, int Right)> neighbours)
    {
        // At most half full, so that a lookup that fails (most do) ends after a probe or two.
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, merges.Count * 2));
        _entries = new Entry[size];
        _entryMask = size - 1;
        (_pairs, _pairShift) = Bitmap(merges.Count, 64);
        foreach (var merge in merges)
        {
            var key = Key(merge.Left, merge.Right);
            var slot = Hash(key) & _entryMask;
            while (_entries[slot].Key != 0)
            {
                slot = (slot + 1) & _entryMask;
            }

            _entries[slot] = new Entry(key, merge.Result, merge.Rank);
            var bit = (key * Golden) >> _pairShift;
            _pairs[bit >> 6] |= 1UL << (int)(bit & 63);
        }

        (_neighbours, _neighbourShift) = Bitmap(neighbours.Count, 32);
        foreach (var (left, right) in neighbours)
        {
            var bit = NeighbourBit(left, right);
            _neighbours[bit >> 6] |= 1UL << (int)(bit & 63);
        }
    }

    /// <summary>False when no piece holds these two characters side by side.</summary>
    public bool MayTouch(int left, int right)
    {
        var bit = NeighbourBit(left, right);
        return (_neighbours[bit >> 6] >> (int)(bit & 63) & 1) != 0;
    }

    /// <summary>Looks a pair up.</summary>
    /// <param name="left">Symbol on the left.</param>
    /// <param name="right">Symbol on the right.</param>
    /// <param name="result">The symbol both become.</param>
    /// <returns>The rank, smaller merges first, or <see cref="NoRank"/>.</returns>
    public int Rank(int left, int right, out int result)
    {
        var key = Key(left, right);
        var bit = (key * Golden) >> _pairShift;
        if ((_pairs[bit >> 6] >> (int)(bit & 63) & 1) == 0)
        {
            result = -1;
            return NoRank;
        }

        for (var slot = Hash(key) & _entryMask; ; slot = (slot + 1) & _entryMask)
        {
            ref readonly var entry = ref _entries[slot];
            if (entry.Key == key)
            {
                result = entry.Result;
                return entry.Rank;
            }

            if (entry.Key == 0)
            {
                result = -1;
                return NoRank;
            }
        }
    }

    // One is added so that no pair has the key of an empty slot.
    private static ulong Key(int left, int right) => (((ulong)(uint)left << 32) | (uint)right) + 1;

    // Fibonacci hashing: the product's high bits are well mixed.
    private static int Hash(ulong key) => (int)((key * Golden) >> 33);

    private static (ulong[] Words, int Shift) Bitmap(int pairs, int hashBits)
    {
        var bits = Math.Clamp((int)BitOperations.RoundUpToPowerOf2((uint)pairs * BitsPerPair), SmallestBitmap, LargestBitmap);
        return (new ulong[bits / 64], hashBits - BitOperations.Log2((uint)bits));
    }

    private uint NeighbourBit(int left, int right) => (((uint)left * 0x9E3779B1u) ^ ((uint)right * 0x85EBCA6Bu)) >> _neighbourShift;

    /// <summary>Two symbols that become one.</summary>
    internal readonly record struct Merge(int Left, int Right, int Result, int Rank);

    private readonly record struct Entry(ulong Key, int Result, int Rank);
}
