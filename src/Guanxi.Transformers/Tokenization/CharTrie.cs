using System.Numerics;

namespace Guanxi.Transformers.Tokenization;

/// <summary>Words by their UTF-16 units: a walk from the root tells, unit by unit, which words begin a text.</summary>
/// <remarks>All steps lie in one hash table, keyed by node and unit; it is at most half full.</remarks>
internal sealed class CharTrie
{
    /// <summary>The node where every walk begins.</summary>
    public const int Root = 0;

    /// <summary>No node, no word.</summary>
    public const int None = -1;

    private readonly List<int> _words = [None];
    private ulong[] _keys = new ulong[1024];
    private int[] _next = new int[1024];
    private int[] _wordOf = [];
    private int _count;

    /// <summary>Makes a node that further walks may begin at.</summary>
    /// <returns>The node.</returns>
    public int AddRoot()
    {
        _words.Add(None);
        return _words.Count - 1;
    }

    /// <summary>Adds a word.</summary>
    /// <param name="root">Where its walk begins.</param>
    /// <param name="text">Its units.</param>
    /// <param name="word">Its number.</param>
    public void Add(int root, ReadOnlySpan<char> text, int word)
    {
        var node = root;
        foreach (var unit in text)
        {
            var slot = Slot(node, unit);
            if (_keys[slot] == 0)
            {
                if (++_count * 2 > _keys.Length)
                {
                    Grow();
                    slot = Slot(node, unit);
                }

                (_keys[slot], _next[slot]) = (Key(node, unit), AddRoot());
            }

            node = _next[slot];
        }

        _words[node] = word;
    }

    /// <summary>Ends the building.</summary>
    public void Seal() => _wordOf = [.. _words];

    /// <summary>The node that a unit leads to.</summary>
    /// <param name="node">Where the walk stands.</param>
    /// <param name="unit">The next unit.</param>
    /// <returns>The node, or <see cref="None"/>.</returns>
    public int Step(int node, char unit)
    {
        var slot = Slot(node, unit);
        return _keys[slot] == 0 ? None : _next[slot];
    }

    /// <summary>The word that ends at a node, or <see cref="None"/>.</summary>
    public int WordAt(int node) => _wordOf[node];

    private int Slot(int node, char unit)
    {
        var (key, mask) = (Key(node, unit), _keys.Length - 1);
        var slot = (int)((key * 0x9E3779B97F4A7C15UL) >> 33) & mask;
        while (_keys[slot] != key && _keys[slot] != 0)
        {
            slot = (slot + 1) & mask;
        }

        return slot;
    }

    private void Grow()
    {
        var (keys, next) = (_keys, _next);
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)checked(keys.Length * 2));
        (_keys, _next) = (new ulong[size], new int[size]);
        for (var i = 0; i < keys.Length; i++)
        {
            if (keys[i] != 0)
            {
                var slot = Slot((int)((keys[i] - 1) >> 16), (char)(keys[i] - 1));
                (_keys[slot], _next[slot]) = (keys[i], next[i]);
            }
        }
    }

    // One is added so that no step has the key of an empty slot.
    private static ulong Key(int node, char unit) => (((ulong)(uint)node << 16) | unit) + 1;
}
