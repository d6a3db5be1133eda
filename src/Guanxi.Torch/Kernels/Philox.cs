using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Philox 4x32-10: four random words as a pure function of a 128-bit counter and a 64-bit key.</summary>
/// <remarks>Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"; sixteen counters at a time.</remarks>
internal static class Philox
{
    private const int Rounds = 10;
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;

    /// <summary>The words of sixteen counters in a row of one mask.</summary>
    /// <typeparam name="TLane">Registers of one level.</typeparam>
    /// <param name="group">The first of them, in sixteens.</param>
    /// <param name="mask">Key and the upper words of the counters.</param>
    /// <returns>The four random words of each counter.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (TLane Word0, TLane Word1, TLane Word2, TLane Word3) At<TLane>(long group, in DropoutMask mask)
        where TLane : struct, ILane<TLane> => Sixteen(
            TLane.AddInt(TLane.CreateInt(unchecked((int)(group * Lane.Width))), Lane.Iota<TLane>()),
            TLane.CreateInt(mask.Site),
            TLane.CreateInt(mask.MicroBatch),
            TLane.CreateInt(unchecked((int)mask.Step)),
            mask.Seed);

    /// <summary>Encrypts sixteen counters; every argument holds one word of each.</summary>
    /// <typeparam name="TLane">Registers of one level.</typeparam>
    /// <param name="c0">Lowest words of the counters.</param>
    /// <param name="c1">Second words.</param>
    /// <param name="c2">Third words.</param>
    /// <param name="c3">Highest words.</param>
    /// <param name="key">The key; its lower half is the first key word.</param>
    /// <returns>The four random words of each counter.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (TLane Word0, TLane Word1, TLane Word2, TLane Word3) Sixteen<TLane>(TLane c0, TLane c1, TLane c2, TLane c3, ulong key)
        where TLane : struct, ILane<TLane>
    {
        var (k0, k1) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < Rounds; round++)
        {
            var (high0, low0) = TLane.MultiplyInt(c0, Multiplier0);
            var (high1, low1) = TLane.MultiplyInt(c2, Multiplier1);
            (c0, c2) = (high1 ^ c1 ^ TLane.CreateInt((int)k0), high0 ^ c3 ^ TLane.CreateInt((int)k1));
            (c1, c3) = (low1, low0);
            k0 = unchecked(k0 + Weyl0);
            k1 = unchecked(k1 + Weyl1);
        }

        return (c0, c1, c2, c3);
    }
}
