namespace Guanxi.Torch.Kernels;

/// <summary>Working memory of a kernel's thread, kept from call to call.</summary>
internal static unsafe class KernelScratch
{
    // A cache line: vectors that cross one are read twice.
    private const int Alignment = 64;

    [ThreadStatic]
    private static float[]? t_floats;

    [ThreadStatic]
    private static float[]? t_pinned;

    /// <summary>An array of at least a given length, of unknown content, that stays valid until this thread's next call.</summary>
    /// <param name="count">Elements needed.</param>
    /// <returns>The array; never empty.</returns>
    public static float[] Floats(int count)
    {
        if (t_floats is null || t_floats.Length < count)
        {
            t_floats = GC.AllocateUninitializedArray<float>(Math.Max(1024, count));
        }

        return t_floats;
    }

    /// <summary>Memory that begins at a cache line and does not move, of unknown content; valid until this thread's next call.</summary>
    /// <param name="count">Elements needed.</param>
    /// <returns>The first element.</returns>
    public static float* Aligned(long count)
    {
        var needed = checked((int)(count + (Alignment / sizeof(float))));
        if (t_pinned is null || t_pinned.Length < needed)
        {
            t_pinned = GC.AllocateUninitializedArray<float>(needed, pinned: true);
        }

        var first = (nint)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(t_pinned, 0);
        return (float*)((first + Alignment - 1) & ~(nint)(Alignment - 1));
    }
}
