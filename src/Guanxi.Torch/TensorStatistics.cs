namespace Guanxi.Torch;

/// <summary>Counts of native tensors that are held by this process through the library. Views count, with no bytes.</summary>
public static class TensorStatistics
{
    private static long s_liveTensors;
    private static long s_liveBytes;

    /// <summary>Handles not yet released.</summary>
    public static long LiveTensors => Interlocked.Read(ref s_liveTensors);

    /// <summary>Bytes of the storages that those handles brought along when they were made; aliases count none.</summary>
    public static long LiveBytes => Interlocked.Read(ref s_liveBytes);

    internal static void Add(long bytes)
    {
        Interlocked.Increment(ref s_liveTensors);
        Interlocked.Add(ref s_liveBytes, bytes);
    }

    internal static void Remove(long bytes)
    {
        Interlocked.Decrement(ref s_liveTensors);
        Interlocked.Add(ref s_liveBytes, -bytes);
    }
}
