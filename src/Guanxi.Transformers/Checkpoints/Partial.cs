namespace Guanxi.Transformers.Checkpoints;

/// <summary>Names of unfinished files and folders, and of replaced ones; what is done with them when the work fails.</summary>
internal static class Partial
{
    private const string Suffix = ".partial";
    private const string AsideSuffix = ".replaced";

    /// <summary>Matches every unfinished file and folder, and nothing else.</summary>
    public const string Pattern = ".*" + Suffix;

    /// <summary>Matches every folder that stands aside while another takes its name, and nothing else.</summary>
    public const string AsidePattern = ".*" + AsideSuffix;

    /// <summary>Where a folder stands while another takes its name.</summary>
    public static string AsideOf(string fullPath) =>
        Path.Combine(Path.GetDirectoryName(fullPath)!, $".{Path.GetFileName(fullPath)}{AsideSuffix}");

    /// <summary>The name that a folder had before it stood aside.</summary>
    public static string NameBefore(string aside) =>
        Path.Combine(Path.GetDirectoryName(aside)!, Path.GetFileName(aside)[1..^AsideSuffix.Length]);

    /// <summary>A free name in the folder of <paramref name="fullPath"/>, because a rename must not cross devices.</summary>
    public static string NameBeside(string fullPath) => NameBeside(fullPath, $"{Guid.NewGuid():N}");

    /// <summary>A name in the folder of <paramref name="fullPath"/> that is found again by its mark.</summary>
    public static string NameBeside(string fullPath, string mark) =>
        Path.Combine(Path.GetDirectoryName(fullPath)!, $".{Path.GetFileName(fullPath)}.{mark}{Suffix}");

    /// <summary>The last step of every write: the new content has its name, and a failure must not read as if it had not.</summary>
    public static void FlushEntry(IFileSystem files, string path, string target) => FileErrors.WrappedWriting(
        path, "was written, but may be lost if the machine stops now: its folder cannot be flushed to the device",
        () => files.FlushFolder(Path.GetDirectoryName(target)!));

    /// <summary>Removes what was left half done; a failure to remove it is reported beside the first error.</summary>
    /// <param name="path">The file or folder that was to be written.</param>
    /// <param name="error">What stopped the work.</param>
    /// <param name="cleanUp">Removes the half-done work.</param>
    /// <returns>A new exception to throw, or null: rethrow <paramref name="error"/> as it is.</returns>
    public static CheckpointException? Abandon(string path, Exception error, Action cleanUp)
    {
        try
        {
            cleanUp();
            return FileErrors.Is(error) ? FileErrors.WrapWriting(path, "cannot be written", error) : null;
        }
        catch (Exception leftover) when (FileErrors.Is(leftover))
        {
            return new CheckpointException(
                [
                    FileErrors.Describe(path, "cannot be written", error),
                    FileErrors.Describe(path, "its unfinished copy cannot be removed", leftover),
                ],
                error) { IsWriting = true };
        }
    }
}
