using System.Text;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Writes files so that a reader, or the next start after a crash, sees the old content or the new, never a part.</summary>
public static class AtomicFile
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Writes a file: a temporary one beside it, flushed to the device, renamed over it, the folder flushed.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="write">Writes the content; the stream is not seekable for it and stays ours.</param>
    /// <exception cref="CheckpointException">
    /// The file cannot be written: the old one is untouched, with nothing beside it. Or it was written, as the message then says, but its
    /// folder cannot be flushed.
    /// </exception>
    public static void Write(string path, Action<Stream> write) => Write(RealFileSystem.Instance, path, write);

    /// <summary>Writes a text file in UTF-8 without byte order mark.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="text">The whole content.</param>
    /// <exception cref="CheckpointException">
    /// The file cannot be written: the old one is untouched, with nothing beside it. Or it was written, as the message then says, but its
    /// folder cannot be flushed.
    /// </exception>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(s_utf8.GetBytes(text)));

    internal static void Write(IFileSystem files, string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        var target = Path.GetFullPath(path);
        var temporary = Partial.NameBeside(target);
        var created = false;
        try
        {
            using (var stream = files.Create(temporary))
            {
                created = true;
                write(stream);
                files.Flush(stream);
            }

            files.MoveFile(temporary, target);
            created = false;
            Partial.FlushEntry(files, path, target);
        }
        catch (Exception error)
        {
            // Whatever stopped the writer, its half of a file must not stay behind.
            if (Partial.Abandon(path, error, () => DeleteIf(created, files, temporary)) is { } told)
            {
                throw told;
            }

            throw;
        }
    }

    private static void DeleteIf(bool created, IFileSystem files, string temporary)
    {
        if (created)
        {
            files.DeleteFile(temporary);
        }
    }
}
