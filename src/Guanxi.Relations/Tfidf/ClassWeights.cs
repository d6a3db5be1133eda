using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Guanxi.Relations.Tfidf;

/// <summary>A weight for every feature and class.</summary>
/// <param name="features">Number of features.</param>
/// <param name="classes">Number of classes.</param>
internal sealed class ClassWeights(int features, int classes)
{
    // Rows of whole vectors: what is behind the last class stays zero.
    private readonly int _width = (classes + Vector256<float>.Count - 1) / Vector256<float>.Count;
    private readonly Vector256<float>[] _values = new Vector256<float>[features * ((classes + Vector256<float>.Count - 1) / Vector256<float>.Count)];

    /// <summary>Number of features.</summary>
    public int Features => features;

    /// <summary>Number of classes.</summary>
    public int Classes => classes;

    /// <summary>The weights of a feature, one a class.</summary>
    public Span<float> this[int feature] =>
        MemoryMarshal.Cast<Vector256<float>, float>(_values.AsSpan(feature * _width, _width))[..classes];

    /// <summary>Sets all weights to zero.</summary>
    public void Clear() => Array.Clear(_values);

    /// <summary>Adds a row's features to every class.</summary>
    /// <param name="row">The row.</param>
    /// <param name="shares">How much of it each class gets.</param>
    public void Add(SparseRow row, ReadOnlySpan<double> shares)
    {
        Span<Vector256<float>> share = stackalloc Vector256<float>[_width];
        share.Clear();
        var cells = MemoryMarshal.Cast<Vector256<float>, float>(share);
        for (var label = 0; label < shares.Length; label++)
        {
            cells[label] = (float)shares[label];
        }

        for (var i = 0; i < row.Indices.Length; i++)
        {
            var weights = _values.AsSpan(row.Indices[i] * _width, _width);
            var value = Vector256.Create(row.Values[i]);
            for (var part = 0; part < share.Length; part++)
            {
                weights[part] += share[part] * value;
            }
        }
    }

    /// <summary>Scores of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="scores">Receives a score a class.</param>
    public void Score(SparseRow row, Span<double> scores)
    {
        Span<Vector256<float>> sums = stackalloc Vector256<float>[_width];
        sums.Clear();
        for (var i = 0; i < row.Indices.Length; i++)
        {
            var weights = _values.AsSpan(row.Indices[i] * _width, _width);
            var value = Vector256.Create(row.Values[i]);
            for (var part = 0; part < sums.Length; part++)
            {
                sums[part] += weights[part] * value;
            }
        }

        var cells = MemoryMarshal.Cast<Vector256<float>, float>(sums);
        for (var label = 0; label < scores.Length; label++)
        {
            scores[label] = cells[label];
        }
    }
}
