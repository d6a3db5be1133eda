using Guanxi.Transformers;

namespace Guanxi.Cli;

/// <summary>Files that an option names for a result.</summary>
internal static class OutputPath
{
    /// <summary>Refuses a file that cannot be written, before the work begins whose result would be lost; its folder is made where it is missing.</summary>
    /// <param name="option">The option.</param>
    /// <param name="path">Its value.</param>
    /// <param name="expected">What would do.</param>
    /// <exception cref="OptionsException">The file cannot be written.</exception>
    public static void Require(string option, string path, string expected = "a file in a folder that may be written")
    {
        if (CannotWrite(path) is { } reason)
        {
            throw new OptionsException(new Problem(option, "the file cannot be written", expected, $"'{path}' ({reason})"));
        }
    }

    /// <summary>Whether a path names a device or a pipe of the system, which is written to as it is.</summary>
    public static bool IsDevice(string path) => Path.GetFullPath(path).StartsWith("/dev/", StringComparison.Ordinal);

    /// <summary>Why no file can be made in a folder, which is made where it is missing; null when one can.</summary>
    public static string? CannotWriteIn(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            new FileStream(Path.Combine(folder, $".{Guid.NewGuid():N}"), new FileStreamOptions
            {
                Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.DeleteOnClose,
            }).Dispose();
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return error.Message;
        }
    }

    private static string? CannotWrite(string path)
    {
        if (path.Length == 0)
        {
            return "no name";
        }

        var folder = Path.GetDirectoryName(Path.GetFullPath(path));
        return Directory.Exists(path) ? "a folder"
            : folder is null ? "no folder"
            : IsDevice(path) && Directory.Exists(folder) ? null
            : CannotWriteIn(folder);
    }
}
