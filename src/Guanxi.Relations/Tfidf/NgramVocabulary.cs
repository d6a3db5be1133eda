using System.Runtime.InteropServices;

namespace Guanxi.Relations.Tfidf;

/// <summary>The character n-grams of one kind of text with their inverse document frequencies.</summary>
/// <remarks>
/// Counts are dampened to 1 + ln(count), multiplied by ln((1 + rows) / (1 + rows with the n-gram)) + 1, and the row is scaled to length 1: what
/// scikit-learn calls <c>sublinear_tf</c> and <c>smooth_idf</c>. An n-gram is 1 to 4 code points of the text in lower case; one of a single row is left
/// out.
/// </remarks>
internal sealed class NgramVocabulary
{
    private const int Longest = 4;
    private const int FewestRows = 2;

    private readonly Dictionary<string, int> _indices;

    /// <summary>Takes a vocabulary that was kept.</summary>
    /// <param name="grams">The n-grams in the order of their features.</param>
    /// <param name="idf">Inverse document frequency of each.</param>
    public NgramVocabulary(IReadOnlyList<string> grams, float[] idf)
    {
        (Grams, Idf) = (grams, idf);
        _indices = new Dictionary<string, int>(grams.Count, StringComparer.Ordinal);
        for (var i = 0; i < grams.Count; i++)
        {
            _indices[grams[i]] = i;
        }
    }

    /// <summary>The n-grams in the order of their features.</summary>
    public IReadOnlyList<string> Grams { get; }

    /// <summary>Inverse document frequency of each.</summary>
    public float[] Idf { get; }

    /// <summary>Learns a vocabulary.</summary>
    /// <param name="texts">The texts of all rows.</param>
    /// <returns>The vocabulary, its n-grams in ordinal order.</returns>
    public static NgramVocabulary Learn(IReadOnlyList<string> texts)
    {
        var seen = new Dictionary<string, (int Rows, int LastRow)>(StringComparer.Ordinal);
        var bySpan = seen.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var row = 0; row < texts.Count; row++)
        {
            var lower = texts[row].ToLowerInvariant();
            foreach (var (start, length) in Places(lower))
            {
                var gram = lower.AsSpan(start, length);
                ref var found = ref CollectionsMarshal.GetValueRefOrAddDefault(bySpan, gram, out var isKnown);
                if (!isKnown || found.LastRow != row)
                {
                    found = (found.Rows + 1, row);
                }
            }
        }

        string[] grams = [.. seen.Where(item => item.Value.Rows >= FewestRows).Select(item => item.Key).Order(StringComparer.Ordinal)];
        return new NgramVocabulary(grams, [.. grams.Select(gram => (float)(Math.Log((1.0 + texts.Count) / (1.0 + seen[gram].Rows)) + 1))]);
    }

    /// <summary>The features of a text.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="offset">Added to every index.</param>
    /// <returns>Index and value of what is not zero, ascending; the squares sum to 1 unless there is nothing.</returns>
    public IReadOnlyList<(int Index, float Value)> Transform(string text, int offset)
    {
        var lower = text.ToLowerInvariant();
        var bySpan = _indices.GetAlternateLookup<ReadOnlySpan<char>>();
        var found = new List<int>();
        foreach (var (start, length) in Places(lower))
        {
            if (bySpan.TryGetValue(lower.AsSpan(start, length), out var index))
            {
                found.Add(index);
            }
        }

        var counts = found.CountBy(index => index).OrderBy(item => item.Key).ToArray();
        var values = counts.Select(item => (1 + Math.Log(item.Value)) * Idf[item.Key]).ToArray();
        var norm = Math.Sqrt(values.Sum(value => value * value));
        return [.. counts.Zip(values, (item, value) => (item.Key + offset, (float)(value / norm)))];
    }

    /// <summary>Where the n-grams of a text are.</summary>
    private static List<(int Start, int Length)> Places(string text)
    {
        var starts = new List<int>(text.Length + 1);
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            starts.Add(at);

            // A lone half of a pair is read as U+FFFD, which is as long as itself.
            at += rune.Utf16SequenceLength;
        }

        starts.Add(at);
        var places = new List<(int Start, int Length)>(starts.Count * Longest);
        for (var first = 0; first < starts.Count - 1; first++)
        {
            for (var count = 1; count <= Longest && first + count < starts.Count; count++)
            {
                places.Add((starts[first], starts[first + count] - starts[first]));
            }
        }

        return places;
    }
}
