using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>The calls by which checkpoints reach the disk, as a seam: tests make each of them fail in turn.</summary>
internal interface IFileSystem
{
    /// <summary>Creates a file that must not exist yet.</summary>
    Stream Create(string path);

    /// <summary>Opens a file for reading and writing, for nobody else at the same time; creates it when it is not there.</summary>
    Stream Open(string path);

    /// <summary>Waits until what was written to a stream of <see cref="Create"/> or <see cref="Open"/> is on the device.</summary>
    void Flush(Stream stream);

    /// <summary>Waits until the content of an existing file is on the device.</summary>
    void FlushFile(string path);

    /// <summary>Waits until the entries of a folder are on the device.</summary>
    void FlushFolder(string path);

    /// <summary>Renames a file over another or to a new name, at once or not at all.</summary>
    void MoveFile(string from, string to);

    /// <summary>Renames a folder to a name that is free.</summary>
    void MoveFolder(string from, string to);

    /// <summary>Creates a folder.</summary>
    void CreateFolder(string path);

    /// <summary>Deletes a file.</summary>
    void DeleteFile(string path);

    /// <summary>Deletes a folder with all that is in it.</summary>
    void DeleteFolder(string path);
}

/// <summary>The file system itself.</summary>
internal sealed class RealFileSystem : IFileSystem
{
    private const int BufferBytes = 1 << 16;

    private RealFileSystem()
    {
    }

    public static RealFileSystem Instance { get; } = new();

    public Stream Create(string path) => new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, BufferBytes);

    public Stream Open(string path) => new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1);

    public void Flush(Stream stream) => ((FileStream)stream).Flush(flushToDisk: true);

    public void FlushFile(string path)
    {
        // For reading: a file copied from a read-only place is read-only itself, and can be flushed all the same.
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read);
        RandomAccess.FlushToDisk(handle);
    }

    public void FlushFolder(string path) => FileSync.FlushFolder(path);

    public void MoveFile(string from, string to) => File.Move(from, to, overwrite: true);

    public void MoveFolder(string from, string to) => Directory.Move(from, to);

    public void CreateFolder(string path) => Directory.CreateDirectory(path);

    public void DeleteFile(string path) => File.Delete(path);

    public void DeleteFolder(string path) => Directory.Delete(path, recursive: true);
}
