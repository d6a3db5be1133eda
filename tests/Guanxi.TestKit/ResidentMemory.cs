using System.Globalization;

namespace Guanxi.TestKit;

/// <summary>Resident memory of a process as the kernel counts it (proc(5)).</summary>
public static class ResidentMemory
{
    private const int Kibibyte = 1024;

    /// <summary>Most bytes that were resident at once.</summary>
    /// <param name="process">Its id.</param>
    /// <returns>Bytes; null when the process has ended.</returns>
    public static long? PeakBytes(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(text => text.StartsWith("VmHWM:", StringComparison.Ordinal));
            return line?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is [_, var size, "kB"] ? Kibibyte * long.Parse(size, CultureInfo.InvariantCulture) : null;
        }
        catch (IOException)
        {
            // It ended between two looks.
            return null;
        }
    }

    /// <summary>Sets this process's peak to what is resident now.</summary>
    public static void ResetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");
}
