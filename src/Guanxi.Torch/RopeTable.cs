namespace Guanxi.Torch;

/// <summary>Cosines and sines of the rotary position embedding (Su et al. 2021, arXiv 2104.09864).</summary>
public sealed class RopeTable : IDisposable
{
    /// <summary>Computes the table.</summary>
    /// <param name="inverseFrequencies">Radians a position, one for every pair of dimensions: D / 2 entries.</param>
    /// <param name="positions">Number of positions.</param>
    public RopeTable(ReadOnlySpan<float> inverseFrequencies, int positions)
    {
        var half = inverseFrequencies.Length;
        var cosines = new float[positions * half];
        var sines = new float[positions * half];
        for (var position = 0; position < positions; position++)
        {
            for (var i = 0; i < half; i++)
            {
                // The product is rounded to fp32 before the cosine, as the reference does.
                var angle = position * inverseFrequencies[i];
                cosines[(position * half) + i] = MathF.Cos(angle);
                sines[(position * half) + i] = MathF.Sin(angle);
            }
        }

        Positions = positions;
        Cosines = TensorScope.Detach(Tensor.From<float>(cosines, positions, half));
        Sines = TensorScope.Detach(Tensor.From<float>(sines, positions, half));
    }

    /// <summary>Number of positions the table covers.</summary>
    public int Positions { get; }

    /// <summary>[positions, D / 2], Float32 on the CPU.</summary>
    public Tensor Cosines { get; }

    /// <summary>[positions, D / 2], Float32 on the CPU.</summary>
    public Tensor Sines { get; }

    /// <summary>Releases the table.</summary>
    public void Dispose()
    {
        Cosines.Dispose();
        Sines.Dispose();
    }
}
