using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>A whole file mapped into memory, read-only.</summary>
internal sealed class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;

    /// <summary>Maps a file that is not empty.</summary>
    /// <param name="stream">The open file; it may be closed afterwards.</param>
    /// <param name="path">Its name for messages.</param>
    public MappedFile(FileStream stream, string path)
    {
        Path = path;
        Length = stream.Length;
        _map = MemoryMappedFile.CreateFromFile(
            stream, mapName: null, capacity: 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        try
        {
            _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        }
        catch
        {
            _map.Dispose();
            throw;
        }
    }

    /// <summary>Path as the caller gave it.</summary>
    public string Path { get; }

    /// <summary>Size of the file in bytes.</summary>
    public long Length { get; }

    /// <summary>The memory; it stays mapped as long as this object lives or someone holds a reference on the handle.</summary>
    public SafeBuffer Buffer => _view.SafeMemoryMappedViewHandle;

    /// <summary>Opens a file in the way all mapped files are opened: others may replace it, but not write into it.</summary>
    public static FileStream OpenStream(string path) =>
        new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);

    public void Dispose()
    {
        _view.Dispose();
        _map.Dispose();
    }
}
