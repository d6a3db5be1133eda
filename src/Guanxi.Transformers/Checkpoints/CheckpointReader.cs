using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>The weights of a Hugging Face model folder: one safetensors file, or shards with an index.</summary>
/// <remarks>Safe for several threads. Shards are opened when a tensor of theirs is first asked for.</remarks>
public sealed class CheckpointReader : IDisposable
{
    /// <summary>File name of weights in one piece.</summary>
    public const string SingleName = "model.safetensors";

    /// <summary>File name of the index of weights in several pieces.</summary>
    public const string IndexName = "model.safetensors.index.json";

    private const int MaxIndexBytes = 100_000_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, SafetensorsFile> _open = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, string> _fileOfName;
    private bool _disposed;

    private CheckpointReader(string source, OrderedDictionary<string, string> fileOfName)
    {
        Source = source;
        _fileOfName = fileOfName;
    }

    /// <summary>The file that names all tensors: the single weights file or the index.</summary>
    public string Source { get; }

    /// <summary>Names of all tensors, in the order of the file or the index.</summary>
    public IReadOnlyList<string> Names => _fileOfName.Keys;

    /// <summary>Opens a model folder or a single weights file.</summary>
    /// <param name="path">A folder with <see cref="SingleName"/> or <see cref="IndexName"/>, or a .safetensors file.</param>
    /// <returns>The reader, owned by the caller.</returns>
    /// <exception cref="CheckpointException">There are no weights, their form is not supported, or they are damaged.</exception>
    public static CheckpointReader Open(string path)
    {
        if (!Directory.Exists(path))
        {
            return OpenSingle(path);
        }

        var single = Path.Combine(path, SingleName);
        if (File.Exists(single))
        {
            return OpenSingle(single);
        }

        var index = Path.Combine(path, IndexName);
        return File.Exists(index) ? OpenIndex(path, index) : throw NoWeights(path);
    }

    /// <summary>Finds a tensor.</summary>
    /// <param name="name">Name in the checkpoint.</param>
    /// <param name="file">The open file that holds it, owned by this reader.</param>
    /// <param name="entry">Its place in that file.</param>
    /// <returns>False when the checkpoint has no tensor of that name.</returns>
    /// <exception cref="CheckpointException">The shard that should hold it is damaged or does not.</exception>
    public bool TryGet(string name, [NotNullWhen(true)] out SafetensorsFile? file, [NotNullWhen(true)] out TensorEntry? entry)
    {
        file = null;
        entry = null;
        if (!_fileOfName.TryGetValue(name, out var path))
        {
            return false;
        }

        file = OpenFile(path);
        if (!file.Entries.TryGetValue(name, out entry))
        {
            throw new CheckpointException(new Problem(
                path,
                $"tensor {FileErrors.Quote(name)} is not in the file, but {Source} says so",
                Hint: "Index and shards belong to different downloads."));
        }

        return true;
    }

    /// <summary>Closes all files.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var file in _open.Values)
            {
                file.Dispose();
            }

            _open.Clear();
            _disposed = true;
        }
    }

    private static CheckpointReader OpenSingle(string path)
    {
        if (!path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) && File.Exists(path))
        {
            throw new CheckpointException(
                new Problem(path, "this kind of weights file is not read", "a .safetensors file or a model folder"));
        }

        var file = SafetensorsFile.Open(path);
        var reader = new CheckpointReader(
            path, new OrderedDictionary<string, string>(file.Entries.Keys.Select(name => KeyValuePair.Create(name, path))));
        reader._open.Add(path, file);
        return reader;
    }

    private static CheckpointReader OpenIndex(string folder, string index)
    {
        var problems = new List<Problem>();
        var fileOfName = new OrderedDictionary<string, string>();
        var root = JsonFile.ReadObject(index, MaxIndexBytes);
        if (!root.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new CheckpointException(
                new Problem($"{index}, weight_map", "the key is missing or no object", "tensor names with their files"));
        }

        var pathOfShard = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var item in map.EnumerateObject())
        {
            if (item.Value.ValueKind != JsonValueKind.String)
            {
                var where = $"{index}, weight_map, {FileErrors.Quote(item.Name)}";
                problems.Add(new Problem(where, "not a file name", "a string", JsonKeys.Show(item.Value)));
                continue;
            }

            var shard = item.Value.GetString()!;
            if (!pathOfShard.TryGetValue(shard, out var path))
            {
                path = ShardPath(folder, shard, index, problems);
                pathOfShard.Add(shard, path);
            }

            fileOfName.Add(item.Name, path ?? string.Empty);
        }

        return problems.Count == 0 ? new CheckpointReader(index, fileOfName) : throw new CheckpointException(problems);
    }

    private static string? ShardPath(string folder, string shard, string index, List<Problem> problems)
    {
        if (!FolderPaths.TryResolve(folder, shard, out var path))
        {
            problems.Add(new Problem(
                index,
                "a shard lies outside the folder",
                "a file beside the index",
                FileErrors.Quote(shard),
                "Do not use this checkpoint."));
            return null;
        }

        if (!shard.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
        {
            problems.Add(new Problem(index, "a shard is of a kind that is not read", "a .safetensors file", FileErrors.Quote(shard)));
            return null;
        }

        if (!File.Exists(path))
        {
            problems.Add(new Problem(path, "the shard is missing", Hint: $"{IndexName} names it: finish the download."));
            return null;
        }

        return path;
    }

    private static CheckpointException NoWeights(string folder)
    {
        string[] others =
        [
            .. Directory.EnumerateFiles(folder)
                .Select(file => Path.GetFileName(file))
                .Where(LooksLikeWeights)
                .Order(StringComparer.Ordinal),
        ];
        return new CheckpointException(new Problem(
            folder,
            "the folder holds no weights that can be read",
            $"{SingleName} or {IndexName} with its shards",
            others.Length == 0 ? "no weights file" : string.Join(", ", others)));
    }

    private static bool LooksLikeWeights(string name) =>
        Path.GetExtension(name) is ".bin" or ".pt" or ".pth" or ".gguf" or ".safetensors"
        || name.EndsWith(".bin.index.json", StringComparison.Ordinal);

    private SafetensorsFile OpenFile(string path)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_open.TryGetValue(path, out var file))
            {
                file = SafetensorsFile.Open(path);
                _open.Add(path, file);
            }

            return file;
        }
    }
}
