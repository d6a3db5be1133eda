using System.Text.Json;

namespace Guanxi.Relations.Formats;

/// <summary>Words for what is wrong with JSON.</summary>
public static class JsonFaults
{
    /// <summary>The reason alone: the message ends with a place, which contradicts that of the caller.</summary>
    /// <param name="fault">What the reader threw.</param>
    /// <returns>A part of a sentence.</returns>
    public static string Reason(JsonException fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        return fault.Message.Split(" LineNumber:", StringSplitOptions.None)[0].Split(" Path:", StringSplitOptions.None)[0].TrimEnd('.');
    }
}
