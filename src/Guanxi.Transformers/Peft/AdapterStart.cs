using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Peft;

/// <summary>A fresh adapter: B is zero, so that the model begins as its base; A is drawn as PEFT draws it.</summary>
/// <remarks>
/// The numbers come from SplitMix64 (Steele, Lea and Flood 2014), counted from the seed and the layer: no thread, device or
/// version of libtorch changes them.
/// </remarks>
internal static class AdapterStart
{
    private const ulong Increment = 0x9E3779B97F4A7C15;
    private const float Unit = 1f / (1 << 23);

    /// <summary>A: uniform between plus and minus 1/sqrt(in), which is what kaiming-uniform with a = sqrt(5) comes to.</summary>
    public static Parameter Down(long seed, int site, ReadOnlySpan<long> shape, Device device)
    {
        using var scope = TensorScope.Enter();
        var tensor = Tensor.Empty(shape, DType.Float32, Device.Cpu);
        var bound = 1f / MathF.Sqrt(shape[1]);
        var state = Mix(Mix((ulong)seed) + (ulong)site);
        foreach (ref var value in tensor.AsSpan<float>())
        {
            state += Increment;
            value = bound * (((long)(Mix(state) >> 40) * Unit) - 1f);
        }

        return new Parameter(tensor.ToDevice(device));
    }

    /// <summary>B: zeros.</summary>
    public static Parameter Up(ReadOnlySpan<long> shape, Device device)
    {
        using var scope = TensorScope.Enter();
        return new Parameter(Tensor.Zeros(shape, DType.Float32, device));
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
