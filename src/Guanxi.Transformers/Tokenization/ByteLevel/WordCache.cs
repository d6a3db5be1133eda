namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>Remembers the ids of words that came more than once. Threads share it without a lock: an entry is replaced whole.</summary>
internal sealed class WordCache
{
    private const int Slots = 1 << 15;
    private const int LongestWord = 24;

    private readonly Entry?[] _entries = new Entry?[Slots];

    // A word is kept when it comes a second time: most long words never do, and keeping them would only push others out.
    private readonly ushort[] _seen = new ushort[Slots];

    /// <summary>Looks a word up.</summary>
    /// <param name="word">The word.</param>
    /// <param name="hash">Needed by <see cref="Add"/>.</param>
    /// <returns>Its ids, or null.</returns>
    public int[]? Find(ReadOnlySpan<char> word, out int hash)
    {
        hash = string.GetHashCode(word);
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

    private sealed record Entry(int Hash, string Word, int[] Ids);
}
