using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Cli;

/// <summary>Reads data of any form that train reads, from a file or from standard input.</summary>
internal static class DataRows
{
    /// <summary>Reads the rows.</summary>
    /// <param name="source">A file, or <c>-</c>.</param>
    /// <param name="most">Most rows; null for all.</param>
    /// <returns>The rows and their form.</returns>
    /// <exception cref="OptionsException">They cannot be read, or some are bad.</exception>
    public static Dataset Read(string source, int? most)
    {
        var (stream, name) = InputRows.Open(source);
        using (stream)
        {
            return DatasetReader.Read(stream, name, new DatasetReadOptions { MaxRows = most });
        }
    }

    /// <summary>Why several processes cannot share rows: each of them reads them itself.</summary>
    /// <param name="option">What named them.</param>
    /// <param name="source">A file, <c>-</c>, or null where there is none.</param>
    /// <returns>The reason; null when they can.</returns>
    public static Problem? NotToBeShared(string option, string? source) => source is null or "-"
        ? new Problem(option, "each of the processes that share rows reads them itself", "a file", source ?? "none")
        : null;
}
