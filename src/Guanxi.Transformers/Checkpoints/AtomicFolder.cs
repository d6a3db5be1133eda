namespace Guanxi.Transformers.Checkpoints;

/// <summary>Writes a checkpoint folder so that its name appears only when all that is in it is on the device.</summary>
public static class AtomicFolder
{
    /// <summary>Fills a folder under a temporary name beside the final one, flushes every file in it, then renames it.</summary>
    /// <param name="path">The final folder. When it exists it is replaced; its old content goes only after the new is in place.</param>
    /// <param name="fill">Writes the content into the folder whose path it is given.</param>
    /// <exception cref="CheckpointException">
    /// The folder cannot be written: the old one, if any, is whole. Or it was written, as the message then says, but cannot be flushed, or
    /// the old one not be deleted.
    /// </exception>
    public static void Write(string path, Action<string> fill) => Write(RealFileSystem.Instance, path, fill);

    /// <summary>
    /// Deletes what killed processes left unfinished in a folder; a folder that nothing has replaced yet gets its name back.
    /// </summary>
    /// <param name="parent">The folder in which atomic files and folders are written; no other process may be writing there.</param>
    /// <exception cref="CheckpointException">Something cannot be deleted or moved.</exception>
    public static void DeleteLeftovers(string parent) => FileErrors.WrappedWriting(parent, "unfinished files of an earlier run cannot be deleted", () =>
    {
        foreach (var aside in Directory.GetDirectories(parent, Partial.AsidePattern))
        {
            var name = Partial.NameBefore(aside);
            if (Directory.Exists(name))
            {
                Directory.Delete(aside, recursive: true);
            }
            else
            {
                Directory.Move(aside, name);
            }
        }

        foreach (var folder in Directory.GetDirectories(parent, Partial.Pattern))
        {
            Directory.Delete(folder, recursive: true);
        }

        foreach (var file in Directory.GetFiles(parent, Partial.Pattern))
        {
            File.Delete(file);
        }
    });

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
            Publish(files, temporary, target, path);
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

    private static void Publish(IFileSystem files, string temporary, string target, string path)
    {
        if (!Directory.Exists(target))
        {
            files.MoveFolder(temporary, target);
            Partial.FlushEntry(files, path, target);
            return;
        }

        var aside = Partial.AsideOf(target);
        DeleteIfPresent(files, aside);
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

        Partial.FlushEntry(files, path, target);
        FileErrors.WrappedWriting(path, "was written, but the folder that it replaces cannot be deleted", () => files.DeleteFolder(aside));
    }

    private static void DeleteIfPresent(IFileSystem files, string folder)
    {
        if (Directory.Exists(folder))
        {
            files.DeleteFolder(folder);
        }
    }
}
