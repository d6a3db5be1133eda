using System.Security.Cryptography;
using System.Text;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Hubs;

/// <summary>
/// A file on its way. What has come lies beside the target under a name that holds the content's hash: when the hub's file changes, the
/// name does, so parts of two contents are never joined.
/// </summary>
internal sealed class PartialFile : IDisposable
{
    private const int MarkDigits = 16;
    private const int BufferBytes = 1 << 20;

    private readonly IFileSystem _files;
    private readonly HubFile _file;
    private readonly string _target;
    private readonly string _path;
    private Stream? _stream;
    private IncrementalHash? _hash;

    private PartialFile(IFileSystem files, string target, HubFile file)
    {
        (_files, _target, _file) = (files, target, file);
        _path = PathOf(target, file);
    }

    /// <summary>Bytes that are there.</summary>
    public long Length { get; private set; }

    /// <summary>The most bytes that were ever there.</summary>
    public long Furthest { get; private set; }

    /// <summary>Opens what an earlier call left, or begins anew.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="target">What the file is to be; its folder must exist.</param>
    /// <param name="file">What the hub says of it.</param>
    /// <param name="stop">Ends hashing what is there.</param>
    /// <exception cref="CheckpointException">It cannot be opened, or another program is writing it.</exception>
    public static PartialFile Open(IFileSystem files, string target, HubFile file, CancellationToken stop)
    {
        var partial = new PartialFile(files, target, file);
        try
        {
            partial.OpenStream(stop);
            return partial;
        }
        catch (Exception error)
        {
            partial.Dispose();
            throw FileErrors.Is(error) ? FileErrors.Wrap(partial._path, "the part that has come cannot be opened", error) : error;
        }
    }

    /// <summary>Bytes that an earlier call left.</summary>
    public static long LengthOf(string target, HubFile file) =>
        new FileInfo(PathOf(target, file)) is { Exists: true } found ? Math.Min(found.Length, file.Bytes) : 0;

    /// <summary>Removes what earlier calls left of other contents of a file.</summary>
    public static void DeleteOutdated(IFileSystem files, string target, HubFile file)
    {
        var (own, pattern) = (PathOf(target, file), Path.GetFileName(Partial.NameBeside(target, new string('?', MarkDigits))));
        foreach (var path in Directory.EnumerateFiles(Path.GetDirectoryName(target)!, pattern).Where(path => path != own))
        {
            files.DeleteFile(path);
        }
    }

    /// <summary>Adds bytes.</summary>
    /// <exception cref="CheckpointException">They cannot be written.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _stream!.Write(bytes);
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw FileErrors.WrapWriting(_target, "cannot be written; what has come is kept", error);
        }

        _hash?.AppendData(bytes);
        Length += bytes.Length;
        Furthest = Math.Max(Furthest, Length);
    }

    /// <summary>Begins anew.</summary>
    public void Clear()
    {
        FileErrors.WrappedWriting(_path, "cannot be written", () => _stream!.SetLength(0));
        Length = 0;
        _hash?.Dispose();
        _hash = _file.Hash?.Begin(_file.Bytes);
    }

    /// <summary>What is wrong with the content; null when it is the hub's.</summary>
    public Problem? Check() => Length != _file.Bytes
        ? new Problem(_target, "the hub sent another length than it lists", $"{_file.Bytes} bytes", $"{Length} bytes")
        : _hash is null || _file.Hash!.Is(_hash)
            ? null
            : new Problem(_target, "the content that came is not the hub's", $"{_file.Hash.Algorithm} {_file.Hash.Hex}", "another",
                "Call again; if it stays so, the hub or a proxy spoils it.");

    /// <summary>Gives the file its name, once its content is on the device.</summary>
    /// <param name="root">Folder of the download: its entries and those of all folders down to the file reach the device too.</param>
    /// <exception cref="CheckpointException">It cannot be written.</exception>
    public void Finish(string root) => FileErrors.WrappedWriting(_target, "cannot be written; what has come is kept", () =>
    {
        _files.Flush(_stream!);
        _stream!.Dispose();
        _files.MoveFile(_path, _target);
        for (var folder = Path.GetDirectoryName(_target)!; folder.Length >= root.Length; folder = Path.GetDirectoryName(folder)!)
        {
            _files.FlushFolder(folder);
        }
    });

    /// <summary>Removes what has come.</summary>
    public void Discard()
    {
        Dispose();
        try
        {
            _files.DeleteFile(_path);
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw FileErrors.Wrap(_path, "the spoilt part cannot be removed", error);
        }
    }

    /// <summary>Closes the file; what has come stays.</summary>
    public void Dispose()
    {
        _stream?.Dispose();
        _hash?.Dispose();
    }

    private static string PathOf(string target, HubFile file)
    {
        // Without a hash its address has to do, which names the commit where the hub knows one.
        var mark = file.Hash?.Hex ?? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{file.Address} {file.Bytes}")));
        return Partial.NameBeside(target, mark[..MarkDigits]);
    }

    private void OpenStream(CancellationToken stop)
    {
        var found = new FileInfo(_path);
        if (found.LinkTarget is not null)
        {
            _files.DeleteFile(_path);
        }

        _stream = _files.Open(_path);
        if (_file.Hash is null || _stream.Length > _file.Bytes)
        {
            Clear();
            return;
        }

        _hash = _file.Hash.Begin(_file.Bytes);
        var buffer = new byte[BufferBytes];
        while (_stream.Read(buffer) is > 0 and var read)
        {
            stop.ThrowIfCancellationRequested();
            _hash.AppendData(buffer, 0, read);
            Length += read;
        }

        Furthest = Length;
    }
}
