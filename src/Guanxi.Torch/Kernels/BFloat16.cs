using System.Runtime.InteropServices;

namespace Guanxi.Torch.Kernels;

/// <summary>A bfloat16 as it lies in memory: the upper half of an IEEE single.</summary>
/// <param name="Bits">Sign, 8 bits of exponent, 7 of fraction.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct BFloat16(ushort Bits)
{
    /// <summary>The nearest bfloat16, ties to even; a NaN stays a NaN.</summary>
    /// <param name="value">A single.</param>
    /// <returns>The rounded value.</returns>
    public static BFloat16 FromSingle(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value)
            ? new BFloat16((ushort)((bits >> 16) | 0x40))
            : new BFloat16((ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }

    /// <summary>The same value as a single, exactly.</summary>
    /// <returns>The value.</returns>
    public float ToSingle() => BitConverter.UInt32BitsToSingle((uint)Bits << 16);
}
