using System.Security.Cryptography;
using System.Text;

namespace Guanxi.Relations.Serving;

/// <summary>The answers asked for last, by their exact input. Not safe to share between threads.</summary>
/// <param name="capacity">Most answers; 0 keeps none.</param>
internal sealed class PredictionCache(int capacity)
{
    private readonly Dictionary<UInt128, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = [];

    /// <summary>Whether anything is kept.</summary>
    public bool IsOn => capacity > 0;

    /// <summary>What stands for an input: half of its SHA-256, so that neither long texts nor what users wrote stay in memory.</summary>
    public static UInt128 KeyOf(RelationExample example)
    {
        var text = new StringBuilder();
        foreach (var part in (string[])[example.Text, example.Person1, example.Person2])
        {
            text.Append(part.Length).Append(':').Append(part);
        }

        text.Append(example.Span1).Append(example.Span2);
        var hash = SHA256.HashData(Encoding.Unicode.GetBytes(text.ToString()));
        return new UInt128(BitConverter.ToUInt64(hash, 0), BitConverter.ToUInt64(hash, sizeof(ulong)));
    }

    /// <summary>Finds an answer and makes it the youngest.</summary>
    public RelationPrediction? Find(UInt128 key)
    {
        if (!_entries.TryGetValue(key, out var node))
        {
            return null;
        }

        _byUse.Remove(node);
        _byUse.AddFirst(node);
        return node.Value.Prediction;
    }

    /// <summary>Keeps an answer; the one not asked for longest makes room.</summary>
    public void Add(UInt128 key, RelationPrediction prediction)
    {
        if (!IsOn || _entries.ContainsKey(key))
        {
            return;
        }

        if (_entries.Count == capacity)
        {
            _entries.Remove(_byUse.Last!.Value.Key);
            _byUse.RemoveLast();
        }

        _entries[key] = _byUse.AddFirst(new Entry(key, prediction));
    }

    private sealed record Entry(UInt128 Key, RelationPrediction Prediction);
}
