namespace Guanxi.Torch;

/// <summary>Counts of native tensors that are held by this process through the library. Views count, with no bytes.</summary>
public static class TensorStatistics
{
    private static long s_liveTensors;
    private static long s_liveBytes;
    private static long s_peakBytes;

    /// <summary>Handles not yet released.</summary>
    public static long LiveTensors => Interlocked.Read(ref s_liveTensors);

    /// <summary>Bytes of the storages that those handles brought along when they were made; aliases count none.</summary>
    public static long LiveBytes => Interlocked.Read(ref s_liveBytes);

    /// <summary>Most bytes that lived at once since <see cref="ResetPeak"/>.</summary>
    public static long PeakBytes => Interlocked.Read(ref s_peakBytes);

    /// <summary>Begins to measure <see cref="PeakBytes"/> anew, from what lives now.</summary>
    public static void ResetPeak() => Interlocked.Exchange(ref s_peakBytes, LiveBytes);

    internal static void Add(long bytes)
    {
        Interlocked.Increment(ref s_liveTensors);
        var live = Interlocked.Add(ref s_liveBytes, bytes);
        var peak = PeakBytes;
        while (live > peak)
        {
            var seen = Interlocked.CompareExchange(ref s_peakBytes, live, peak);
            if (seen == peak)
            {
                break;
            }

            peak = seen;
        }
    }

    internal static void Remove(long bytes)
    {
        Interlocked.Decrement(ref s_liveTensors);
        Interlocked.Add(ref s_liveBytes, -bytes);
    }
}
