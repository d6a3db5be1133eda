namespace Guanxi.Transformers.Checkpoints;

/// <summary>Writes a checkpoint folder so that its name appears only when all that is in it is on the device.</summary>
public static class AtomicFolder
{
    /// <summary>Fills a folder under a temporary name beside the final one, flushes every file in it, then renames it.</summary>
    /// <param name="path">The final folder. When it exists it is replaced; its old content goes only after the new is in place.</param>
    /// <param name="fill">Writes the content into the folder whose path it is given.</param>
    /// <exception cref="CheckpointException">The folder cannot be written. The old one, if any, is untouched.</exception>
    public static void Write(string path, Action<string> fill) => Write(RealFileSystem.Instance, path, fill);

    /// <summary>Deletes what killed processes left unfinished in a folder: files and folders.</summary>
    /// <param name="parent">The folder in which atomic files and folders are written; no other process may be writing there.</param>
    /// <exception cref="CheckpointException">Something cannot be deleted.</exception>
    public static void DeleteLeftovers(string parent)
    {
        try
        {
            foreach (var folder in Directory.GetDirectories(parent, Partial.Pattern))
            {
                Directory.Delete(folder, recursive: true);
            }

            foreach (var file in Directory.GetFiles(parent, Partial.Pattern))
            {
                File.Delete(file);
            }
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw FileErrors.WrapWriting(parent, "unfinished files of an earlier run cannot be deleted", error);
        }
    }

    internal static void Write(IFileSystem files, string path, Action<string> fill)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(fill);
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        var temporary = Partial.NameBeside(target);
        try
        {
            files.CreateFolder(temporary);
            fill(temporary);
            FlushTree(files, temporary);
            Publish(files, temporary, target);
        }
        catch (Exception error)
        {
            // Whatever stopped the writer, its half of a folder must not stay behind.
            if (Partial.Abandon(path, error, () => DeleteIfPresent(files, temporary)) is { } told)
            {
                throw told;
            }

            throw;
        }
    }

    private static void FlushTree(IFileSystem files, string folder)
    {
        foreach (var file in Directory.GetFiles(folder))
        {
            files.FlushFile(file);
        }

        foreach (var inner in Directory.GetDirectories(folder))
        {
            FlushTree(files, inner);
        }

        files.FlushFolder(folder);
    }

    private static void Publish(IFileSystem files, string temporary, string target)
    {
        var parent = Path.GetDirectoryName(target)!;
        if (!Directory.Exists(target))
        {
            files.MoveFolder(temporary, target);
            files.FlushFolder(parent);
            return;
        }

        var aside = Partial.NameBeside(target);
        files.MoveFolder(target, aside);
        try
        {
            files.MoveFolder(temporary, target);
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            files.MoveFolder(aside, target);
            throw;
        }

        files.FlushFolder(parent);
        files.DeleteFolder(aside);
    }

    private static void DeleteIfPresent(IFileSystem files, string folder)
    {
        if (Directory.Exists(folder))
        {
            files.DeleteFolder(folder);
        }
    }
}
