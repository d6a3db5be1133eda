using System.Text.Json;

namespace Guanxi.Transformers.Training;

/// <summary>Finds where the lines of a training log end that a resumed run keeps.</summary>
internal static class TrainLogScan
{
    private const int BlockSize = 1 << 16;

    // Our lines have some 300 bytes; a longer one is not ours, and must not fill the memory.
    private const int LongestLine = 1 << 20;

    /// <summary>Bytes at the front of a log that belong to steps up to <paramref name="lastStep"/>.</summary>
    /// <param name="file">The log, read from its beginning.</param>
    /// <param name="path">Its name in messages.</param>
    /// <param name="lastStep">Last step to keep.</param>
    /// <returns>A length that ends with a whole line.</returns>
    /// <exception cref="CheckpointException">A line that is not the last is no log line.</exception>
    public static long LengthUpTo(Stream file, string path, long lastStep)
    {
        var kept = 0L;
        var number = 0;
        (int Number, string Found)? damaged = null;
        foreach (var line in Lines(file))
        {
            number++;
            if (damaged is { } earlier)
            {
                throw new CheckpointException(new Problem(
                    $"{path}, line {earlier.Number}",
                    "this is no line of a training log",
                    "{\"step\": ...}",
                    earlier.Found,
                    "Move the file away to resume without it"));
            }

            if (TryStep(line, out var step))
            {
                if (step > lastStep)
                {
                    return kept;
                }

                kept += line.Length;
            }
            else
            {
                // The last line may be half written; only a line behind it shows that it is something else.
                damaged = (number, $"{line.Length} bytes");
            }
        }

        return kept;
    }

    /// <summary>Lines with their ends; the last may lack its own.</summary>
    private static IEnumerable<byte[]> Lines(Stream file)
    {
        var block = new byte[BlockSize];
        var line = new List<byte>();
        for (var count = file.Read(block); count > 0; count = file.Read(block))
        {
            var start = 0;
            while (start < count)
            {
                var end = Array.IndexOf(block, (byte)'\n', start, count - start);
                var stop = end < 0 ? count : end + 1;
                line.AddRange(block.AsSpan(start..stop));
                start = stop;
                if (end >= 0 || line.Count > LongestLine)
                {
                    yield return [.. line];
                    line.Clear();
                }
            }
        }

        if (line.Count > 0)
        {
            yield return [.. line];
        }
    }

    private static bool TryStep(byte[] line, out long step)
    {
        step = 0;
        if (line[^1] != (byte)'\n')
        {
            return false;
        }

        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("step", out var value)
                && value.ValueKind == JsonValueKind.Number
                && value.TryGetInt64(out step);
        }
        catch (JsonException)
        {
            // Said by the caller, who knows which line it was.
            return false;
        }
    }
}
