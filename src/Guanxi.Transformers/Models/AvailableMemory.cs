using System.Globalization;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Models;

/// <summary>Memory that a new program can have on this machine.</summary>
public static class AvailableMemory
{
    private const string MemoryFile = "/proc/meminfo";
    private const string AvailableLine = "MemAvailable:";

    // Limits of a container: cgroup version 2 below its own root.
    private const string LimitFile = "/sys/fs/cgroup/memory.max";
    private const string UsedFile = "/sys/fs/cgroup/memory.current";

    /// <summary>Bytes that can be had without swapping, the limit of a container included.</summary>
    /// <returns>Bytes; null where the system does not say.</returns>
    public static long? Bytes() => OfMachine() is { } machine ? OfContainer() is { } container ? Math.Min(machine, container) : machine : null;

    private static long? OfMachine()
    {
        if (!File.Exists(MemoryFile) || File.ReadLines(MemoryFile).FirstOrDefault(line => line.StartsWith(AvailableLine, StringComparison.Ordinal)) is not { } line)
        {
            return null;
        }

        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words is [_, var kibibytes, "kB"] && long.TryParse(kibibytes, CultureInfo.InvariantCulture, out var size) ? size * 1024 : null;
    }

    private static long? OfContainer() => Number(LimitFile) is { } limit && Number(UsedFile) is { } used ? Math.Max(0, limit - used) : null;

    private static long? Number(string file)
    {
        try
        {
            return File.Exists(file) && long.TryParse(File.ReadAllText(file).Trim(), CultureInfo.InvariantCulture, out var number) ? number : null;
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            // Not ours to read: then there is no limit that could be known.
            return null;
        }
    }
}
