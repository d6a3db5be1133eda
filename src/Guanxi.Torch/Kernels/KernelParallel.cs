namespace Guanxi.Torch.Kernels;

/// <summary>Work over a range of indices, given as a struct so that the call is compiled for it.</summary>
internal interface IRangeWork
{
    /// <summary>Does the part [first, last). Parts are disjoint and may run at the same time.</summary>
    /// <param name="first">First index of the part.</param>
    /// <param name="last">Index after the last of the part.</param>
    void Run(long first, long last);
}

/// <summary>Splits a range of indices over <see cref="KernelThreads.Count"/> threads.</summary>
/// <remarks>
/// The cut into parts depends on count and grain alone (one thread does all as one part); threads take the parts in turn, so a thread
/// that the system holds up delays one part
/// and not half of the work. The caller takes parts too and waits only for parts that another thread has begun, never for one to wake up.
/// A call made inside a part, or while another thread's call is under way, runs on its own thread alone.
/// </remarks>
internal static class KernelParallel
{
    // Enough parts to even out threads of unequal speed, few enough that taking one costs nothing against doing it.
    private const int MaximumParts = 256;

    private static int s_busy;

    /// <summary>Calls <paramref name="work"/> for parts that together make up [0, count).</summary>
    /// <typeparam name="TWork">A struct, so that no delegate stands between.</typeparam>
    /// <param name="count">Number of indices.</param>
    /// <param name="grain">Fewest indices worth a part of their own; part boundaries are multiples of it.</param>
    /// <param name="work">The work. An exception it throws is thrown again by this method.</param>
    public static void For<TWork>(long count, long grain, TWork work)
        where TWork : struct, IRangeWork
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfLessThan(grain, 1);
        if (count == 0)
        {
            return;
        }

        var threads = KernelThreads.Count;
        if (threads == 1 || count <= grain || Interlocked.CompareExchange(ref s_busy, 1, 0) != 0)
        {
            work.Run(0, count);
            return;
        }

        try
        {
            var grains = Math.Max(1, ((count / grain) + MaximumParts - 1) / MaximumParts);
            KernelWorkers.Do(new Job<TWork>(work, count, grains * grain), threads - 1);
        }
        finally
        {
            Volatile.Write(ref s_busy, 0);
        }
    }

    private sealed class Job<TWork>(TWork work, long count, long partSize) : KernelJob((count + partSize - 1) / partSize)
        where TWork : struct, IRangeWork
    {
        private readonly TWork _work = work;

        protected override void RunPart(long part) => _work.Run(part * partSize, Math.Min(count, (part + 1) * partSize));
    }
}
