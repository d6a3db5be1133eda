using System.Numerics;
using System.Runtime.CompilerServices;

namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>Where the parts of a 4-bit tensor lie. The memory belongs to the caller.</summary>
internal readonly unsafe struct FourBitWeights
{
    /// <summary>Elements that share one maximum in files made by default.</summary>
    public const int DefaultBlockSize = 64;

    /// <summary>Block maxima that share one second-level maximum.</summary>
    public const int NestedBlockSize = 256;

    /// <summary>Two elements a byte, the first in the upper half.</summary>
    public byte* Packed { get; init; }

    /// <summary>Sixteen values.</summary>
    public float* Table { get; init; }

    /// <summary>Elements of a block: a power of two, 64 or more.</summary>
    public int BlockSize { get; init; }

    /// <summary>Largest magnitude of each block; null when the maxima are quantised themselves.</summary>
    public float* Absmax { get; init; }

    /// <summary>Number of each block's maximum in <see cref="NestedMap"/>, when <see cref="Absmax"/> is null.</summary>
    public byte* AbsmaxCodes { get; init; }

    /// <summary>256 values.</summary>
    public float* NestedMap { get; init; }

    /// <summary>Largest magnitude among 256 maxima less their offset.</summary>
    public float* NestedAbsmax { get; init; }

    /// <summary>Added to every maximum.</summary>
    public float NestedOffset { get; init; }

    /// <summary>Power of two by which a group of 64 elements is shifted to give its block.</summary>
    public int GroupShift => BitOperations.Log2((uint)BlockSize) - 6;

    /// <summary>Largest magnitude of one block, dequantised where need be.</summary>
    /// <param name="block">Number of the block.</param>
    /// <returns>The maximum.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float AbsmaxOf(long block) => Absmax is not null
        ? Absmax[block]
        : (NestedMap[AbsmaxCodes[block]] * NestedAbsmax[(ulong)block / NestedBlockSize]) + NestedOffset;
}
