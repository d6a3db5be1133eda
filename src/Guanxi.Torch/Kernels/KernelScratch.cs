namespace Guanxi.Torch.Kernels;

/// <summary>Working memory of a kernel's thread, kept from call to call.</summary>
internal static class KernelScratch
{
    [ThreadStatic]
    private static float[]? t_floats;

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
}
