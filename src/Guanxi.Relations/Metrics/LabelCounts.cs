namespace Guanxi.Relations.Metrics;

/// <summary>True and predicted labels as indices, and how often each pair occurs.</summary>
internal sealed class LabelCounts
{
    private readonly int _classes;
    private readonly int[] _truth;
    private readonly int[] _predicted;

    private LabelCounts(int classes, int[] truth, int[] predicted) => (_classes, _truth, _predicted) = (classes, truth, predicted);

    public int Rows => _truth.Length;

    /// <summary>Numbers the labels: the given ones first, in their order, then others as they come.</summary>
    public static LabelCounts Of(IReadOnlyList<string> truth, IReadOnlyList<string> predicted, IReadOnlyList<string> order)
    {
        var index = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var label in order)
        {
            index.TryAdd(label, index.Count);
        }

        int Number(string label)
        {
            index.TryAdd(label, index.Count);
            return index[label];
        }

        var (left, right) = (truth.Select(Number).ToArray(), predicted.Select(Number).ToArray());
        return new LabelCounts(index.Count, left, right);
    }

    /// <summary>Rows by true label (first index) and predicted label.</summary>
    public int[][] Matrix()
    {
        var matrix = Enumerable.Range(0, _classes).Select(_ => new int[_classes]).ToArray();
        for (var row = 0; row < _truth.Length; row++)
        {
            matrix[_truth[row]][_predicted[row]]++;
        }

        return matrix;
    }

    public bool IsRight(int row) => _truth[row] == _predicted[row];

    /// <summary>F1 averaged over labels by their support, of some of the rows, repeats included.</summary>
    public double WeightedF1(ReadOnlySpan<int> rows)
    {
        Span<int> counts = _classes <= 64 ? stackalloc int[3 * _classes] : new int[3 * _classes];
        counts.Clear();
        var right = counts[.._classes];
        var actual = counts.Slice(_classes, _classes);
        var predicted = counts[(2 * _classes)..];
        foreach (var row in rows)
        {
            actual[_truth[row]]++;
            predicted[_predicted[row]]++;
            right[_truth[row]] += IsRight(row) ? 1 : 0;
        }

        var sum = 0.0;
        for (var label = 0; label < _classes; label++)
        {
            sum += actual[label] * Scores.Of(right[label], predicted[label], actual[label]).F1;
        }

        return rows.Length == 0 ? 0 : sum / rows.Length;
    }
}
