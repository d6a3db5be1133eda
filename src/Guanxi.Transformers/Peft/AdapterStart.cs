using Guanxi.Torch;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Peft;

/// <summary>A fresh adapter: B is zero, so that the model begins as its base; A is drawn as PEFT draws it.</summary>
/// <remarks>
/// The numbers are those of <see cref="CounterRandom"/>, counted from the seed and the layer: no thread, device or version of libtorch
/// changes them.
/// </remarks>
internal static class AdapterStart
{
    private const float Unit = 1f / (1 << 23);

    /// <summary>A: uniform between plus and minus 1/sqrt(in), which is what kaiming-uniform with a = sqrt(5) comes to.</summary>
    public static Parameter Down(long seed, int site, ReadOnlySpan<long> shape, Device device)
    {
        using var scope = TensorScope.Enter();
        var tensor = Tensor.Empty(shape, DType.Float32, Device.Cpu);
        var bound = 1f / MathF.Sqrt(shape[1]);
        var start = CounterRandom.Mix(CounterRandom.Mix((ulong)seed) + (ulong)site);
        var values = tensor.AsSpan<float>();
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = bound * (((long)(CounterRandom.Bits(start, i) >> 40) * Unit) - 1f);
        }

        return new Parameter(tensor.ToDevice(device));
    }

    /// <summary>B: zeros.</summary>
    public static Parameter Up(ReadOnlySpan<long> shape, Device device)
    {
        using var scope = TensorScope.Enter();
        return new Parameter(Tensor.Zeros(shape, DType.Float32, device));
    }
}
