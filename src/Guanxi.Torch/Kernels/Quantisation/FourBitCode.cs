using System.Runtime.InteropServices;

namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>A set of sixteen values that a 4-bit number stands for, times the largest magnitude of its block.</summary>
/// <remarks>Dettmers et al. 2023 (QLoRA), with the values of bitsandbytes.</remarks>
internal sealed unsafe class FourBitCode
{
    /// <summary>Values of a code.</summary>
    public const int Count = 16;

    private FourBitCode(float[] values)
    {
        Values = GC.AllocateUninitializedArray<float>(Count, pinned: true);
        values.CopyTo(Values, 0);
        var order = Enumerable.Range(0, Count).ToArray();
        // Stable, so the first of the two zeros of fp4 comes first and is the one that zero is written as.
        Array.Sort(order.Select(i => (values[i], i)).ToArray(), order);
        Bounds = Enumerable.Range(0, Count - 1).Select(i => (values[order[i]] + values[order[i + 1]]) / 2).ToArray();
        PackedByRanks = order.Select((number, rank) => number == rank).All(same => same)
            ? null
            : Enumerable.Range(0, 256).Select(ranks => (byte)((order[ranks >> 4] << 4) | order[ranks & 15])).ToArray();
    }

    /// <summary>Quantiles of the normal distribution: NF4.</summary>
    public static FourBitCode Nf4 { get; } = new([
        -1f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
        -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0f,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
        0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1f]);

    /// <summary>A float of one sign, two exponent bits and one fraction bit, scaled to 1: FP4.</summary>
    public static FourBitCode Fp4 { get; } = new([
        0f, 0.0625f / 12, 8f / 12, 1f, 4f / 12, 6f / 12, 2f / 12, 3f / 12,
        0f, -0.0625f / 12, -8f / 12, -1f, -4f / 12, -6f / 12, -2f / 12, -3f / 12]);

    /// <summary>The code of a kind.</summary>
    public static FourBitCode Of(FourBitKind kind) => kind == FourBitKind.Fp4 ? Fp4 : Nf4;

    /// <summary>Value of each number.</summary>
    public float[] Values { get; }

    /// <summary>The first of <see cref="Values"/>, which does not move.</summary>
    public float* Pinned => (float*)Marshal.UnsafeAddrOfPinnedArrayElement(Values, 0);

    /// <summary>Between each value and the next greater one; on a bound the lower value is taken.</summary>
    public float[] Bounds { get; }

    /// <summary>Two numbers in a byte, by the byte of their values' ranks; null when number and rank are the same.</summary>
    public byte[]? PackedByRanks { get; }
}
