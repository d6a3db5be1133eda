namespace Guanxi.Torch.Kernels;

/// <summary>How many threads a kernel may use.</summary>
/// <remarks>No kernel's result depends on it.</remarks>
internal static class KernelThreads
{
    private static int s_count = Environment.ProcessorCount;

    [ThreadStatic]
    private static int t_forced;

    /// <summary>Threads of a parallel kernel, the calling one included.</summary>
    /// <value>libtorch's number once that is loaded: <c>OMP_NUM_THREADS</c>, or all processors.</value>
    /// <exception cref="ArgumentOutOfRangeException">The number is below one.</exception>
    public static int Count
    {
        get => t_forced > 0 ? t_forced : Volatile.Read(ref s_count);
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            Volatile.Write(ref s_count, value);
        }
    }

    /// <summary>Sets the number for kernels started by this thread only.</summary>
    /// <param name="count">Threads, at least one.</param>
    /// <returns>An object whose disposal restores the number used before.</returns>
    public static IDisposable Force(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var before = t_forced;
        t_forced = count;
        return new Restore(() => t_forced = before);
    }
}
