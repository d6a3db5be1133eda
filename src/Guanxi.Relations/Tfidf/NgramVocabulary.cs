using System.Text;

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
        var rows = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var text in texts)
        {
            foreach (var gram in Of(text).Distinct(StringComparer.Ordinal))
            {
                rows[gram] = rows.GetValueOrDefault(gram) + 1;
            }
        }

        string[] grams = [.. rows.Where(item => item.Value >= FewestRows).Select(item => item.Key).Order(StringComparer.Ordinal)];
        return new NgramVocabulary(grams, [.. grams.Select(gram => (float)(Math.Log((1.0 + texts.Count) / (1.0 + rows[gram])) + 1))]);
    }

    /// <summary>The features of a text.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="offset">Added to every index.</param>
    /// <returns>Index and value of what is not zero, ascending; the squares sum to 1 unless there is nothing.</returns>
    public IReadOnlyList<(int Index, float Value)> Transform(string text, int offset)
    {
        var counts = new SortedDictionary<int, int>();
        foreach (var gram in Of(text))
        {
            if (_indices.TryGetValue(gram, out var index))
            {
                counts[index] = counts.GetValueOrDefault(index) + 1;
            }
        }

        var values = counts.Select(item => (1 + Math.Log(item.Value)) * Idf[item.Key]).ToArray();
        var length = Math.Sqrt(values.Sum(value => value * value));
        return [.. counts.Keys.Zip(values, (index, value) => (index + offset, (float)(value / length)))];
    }

    private static IEnumerable<string> Of(string text)
    {
        var lower = text.ToLowerInvariant();
        var starts = new List<int>(lower.Length + 1);
        var at = 0;
        foreach (var rune in lower.EnumerateRunes())
        {
            starts.Add(at);

            // A lone half of a pair is read as U+FFFD, which is as long as itself.
            at += rune.Utf16SequenceLength;
        }

        starts.Add(at);
        for (var first = 0; first < starts.Count - 1; first++)
        {
            for (var length = 1; length <= Longest && first + length < starts.Count; length++)
            {
                yield return lower[starts[first]..starts[first + length]];
            }
        }
    }
}
