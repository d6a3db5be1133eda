using System.Numerics;
using System.Runtime.InteropServices;

namespace Guanxi.Transformers.Tokenization.Merging;

/// <summary>Remembers the ids of words that came more than once. Threads share it without a lock: an entry is replaced whole.</summary>
internal sealed class WordCache
{
    private const int Slots = 1 << 16;
    private const int LongestWord = 24;

    private readonly Entry?[] _entries = new Entry?[Slots];

    // A word is kept when it comes a second time: most long words never do, and keeping them would only push others out.
    private readonly ushort[] _seen = new ushort[Slots];

    /// <summary>Looks a word up.</summary>
    /// <param name="word">The word, not empty.</param>
    /// <param name="hash">Needed by <see cref="Add"/>.</param>
    /// <returns>Its ids, or null.</returns>
    public int[]? Find(ReadOnlySpan<char> word, out int hash)
    {
        hash = 0;
        if (word.Length > LongestWord)
        {
            return null;
        }

        hash = Hash(MemoryMarshal.AsBytes(word));
        return _entries[hash & (Slots - 1)] is { } entry && entry.Hash == hash && word.SequenceEqual(entry.Word) ? entry.Ids : null;
    }

    /// <summary>Keeps a word, if it is not the first time.</summary>
    /// <param name="word">The word.</param>
    /// <param name="hash">What <see cref="Find"/> gave.</param>
    /// <param name="ids">Its ids.</param>
    public void Add(ReadOnlySpan<char> word, int hash, ReadOnlySpan<int> ids)
    {
        if (word.Length > LongestWord)
        {
            return;
        }

        var (slot, tag) = (hash & (Slots - 1), (ushort)((hash >> 16) | 1));
        if (_seen[slot] == tag)
        {
            _entries[slot] = new Entry(hash, word.ToString(), ids.ToArray());
        }

        _seen[slot] = tag;
    }

    // Eight bytes at a time, the last eight again. Words that somebody chose to collide push one another out, which costs time as new words do.
    private static int Hash(ReadOnlySpan<byte> bytes)
    {
        const ulong Golden = 0x9E3779B97F4A7C15UL;
        var hash = (ulong)bytes.Length * Golden;
        if (bytes.Length < sizeof(ulong))
        {
            foreach (var value in bytes)
            {
                hash = (hash ^ value) * Golden;
            }

            return (int)(hash >> 32);
        }

        for (var rest = bytes; rest.Length >= sizeof(ulong); rest = rest[sizeof(ulong)..])
        {
            hash = BitOperations.RotateLeft((hash ^ MemoryMarshal.Read<ulong>(rest)) * Golden, 29);
        }

        return (int)(((hash ^ MemoryMarshal.Read<ulong>(bytes[^sizeof(ulong)..])) * Golden) >> 32);
    }

    private sealed record Entry(int Hash, string Word, int[] Ids);
}
