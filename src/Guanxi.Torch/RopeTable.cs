namespace Guanxi.Torch;

/// <summary>Cosines and sines of the rotary position embedding (Su et al. 2021, arXiv 2104.09864).</summary>
public sealed class RopeTable : IDisposable
{
    private readonly Dictionary<Device, (Tensor Cosines, Tensor Sines)> _copies = [];
    private float[] _inverseFrequencies;

    /// <summary>Computes the table.</summary>
    /// <param name="inverseFrequencies">Radians a position, one for every pair of dimensions: D / 2 entries.</param>
    /// <param name="positions">Number of positions.</param>
    public RopeTable(ReadOnlySpan<float> inverseFrequencies, int positions)
    {
        _inverseFrequencies = inverseFrequencies.ToArray();
        (Cosines, Sines) = Compute(positions);
    }

    /// <summary>Number of positions the table covers.</summary>
    public int Positions => (int)Cosines.Size(0);

    /// <summary>[positions, D / 2], Float32 on the CPU.</summary>
    public Tensor Cosines { get; private set; }

    /// <summary>[positions, D / 2], Float32 on the CPU.</summary>
    public Tensor Sines { get; private set; }

    /// <summary>Extends the table to as many positions, at least to twice of what it has.</summary>
    /// <param name="positions">Positions needed.</param>
    public void Cover(int positions)
    {
        if (positions > Positions)
        {
            var twice = (int)Math.Min(2L * Positions, Array.MaxLength / _inverseFrequencies.Length);
            var (cosines, sines) = Compute(Math.Max(positions, twice));
            Dispose();
            (Cosines, Sines) = (cosines, sines);
        }
    }

    /// <summary>Makes it the table of other frequencies; nothing is done where it is that already.</summary>
    /// <param name="inverseFrequencies">Radians a position, as many as before.</param>
    /// <param name="positions">Positions needed.</param>
    public void Change(ReadOnlySpan<float> inverseFrequencies, int positions)
    {
        if (!inverseFrequencies.SequenceEqual(_inverseFrequencies))
        {
            _inverseFrequencies = inverseFrequencies.ToArray();
            var (cosines, sines) = Compute(Math.Max(positions, Positions));
            Dispose();
            (Cosines, Sines) = (cosines, sines);
        }

        Cover(positions);
    }

    /// <summary>Releases the table.</summary>
    public void Dispose()
    {
        Cosines.Dispose();
        Sines.Dispose();
        foreach (var (cosines, sines) in _copies.Values)
        {
            cosines.Dispose();
            sines.Dispose();
        }

        _copies.Clear();
    }

    /// <summary>Cosines and sines where they are needed: copied to an accelerator once, and not at every call.</summary>
    internal (Tensor Cosines, Tensor Sines) On(Device device)
    {
        if (device.IsCpu)
        {
            return (Cosines, Sines);
        }

        lock (_copies)
        {
            if (!_copies.TryGetValue(device, out var copy))
            {
                copy = (TensorScope.Detach(Cosines.ToDevice(device)), TensorScope.Detach(Sines.ToDevice(device)));
                _copies.Add(device, copy);
            }

            return copy;
        }
    }

    private (Tensor Cosines, Tensor Sines) Compute(int positions)
    {
        var half = _inverseFrequencies.Length;
        var cosines = new float[positions * half];
        var sines = new float[positions * half];
        for (var position = 0; position < positions; position++)
        {
            for (var i = 0; i < half; i++)
            {
                // The product is rounded to fp32 before the cosine, as the reference does.
                var angle = position * _inverseFrequencies[i];
                cosines[(position * half) + i] = MathF.Cos(angle);
                sines[(position * half) + i] = MathF.Sin(angle);
            }
        }

        return (
            TensorScope.Detach(Tensor.From<float>(cosines, positions, half)),
            TensorScope.Detach(Tensor.From<float>(sines, positions, half)));
    }
}
