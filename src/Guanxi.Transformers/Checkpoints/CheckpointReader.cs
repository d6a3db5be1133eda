using System.Diagnostics.CodeAnalysis;
using Guanxi.Transformers.Checkpoints.Gguf;
using Guanxi.Transformers.Checkpoints.Torch;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>
/// The weights of a Hugging Face model folder: one file, or shards with an index; safetensors, or files of torch.save; or a GGUF
/// file.
/// </summary>
/// <remarks>Safe for several threads. Shards are opened when a tensor of theirs is first asked for.</remarks>
public sealed class CheckpointReader : IDisposable
{
    /// <summary>File name of weights in one piece.</summary>
    public const string SingleName = "model.safetensors";

    /// <summary>File name of the index of weights in several pieces.</summary>
    public const string IndexName = "model.safetensors.index.json";

    /// <summary>File name of weights in one piece, as torch.save writes them; read where there are none in safetensors.</summary>
    public const string TorchSingleName = "pytorch_model.bin";

    /// <summary>File name of the index of such weights in several pieces.</summary>
    public const string TorchIndexName = "pytorch_model.bin.index.json";

    private const string SafetensorsSuffix = ".safetensors";

    private static readonly string[] s_torchSuffixes = [".bin", ".pt", ".pth"];

    // In the order of preference.
    private static readonly (string Single, string Index, string Suffix)[] s_forms =
        [(SingleName, IndexName, SafetensorsSuffix), (TorchSingleName, TorchIndexName, ".bin")];

    private readonly Lock _gate = new();
    private readonly Dictionary<string, TensorFile> _open = new(StringComparer.Ordinal);
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
    /// <param name="path">
    /// A folder with <see cref="SingleName"/>, <see cref="IndexName"/>, <see cref="TorchSingleName"/> or
    /// <see cref="TorchIndexName"/>, taken in this order; or a .safetensors, .bin, .pt, .pth or .gguf file.
    /// </param>
    /// <returns>The reader, owned by the caller.</returns>
    /// <exception cref="CheckpointException">There are no weights, their form is not supported, or they are damaged.</exception>
    public static CheckpointReader Open(string path)
    {
        if (!Directory.Exists(path))
        {
            return OpenSingle(path);
        }

        foreach (var (singleName, indexName, suffix) in s_forms)
        {
            var single = Path.Combine(path, singleName);
            if (File.Exists(single))
            {
                return OpenSingle(single);
            }

            var index = Path.Combine(path, indexName);
            if (File.Exists(index))
            {
                return new CheckpointReader(index, ShardIndex.Read(path, index, suffix));
            }
        }

        throw NoWeights(path);
    }

    /// <summary>Finds a tensor.</summary>
    /// <param name="name">Name in the checkpoint.</param>
    /// <param name="file">The open file that holds it, owned by this reader.</param>
    /// <param name="entry">Its place in that file.</param>
    /// <returns>False when the checkpoint has no tensor of that name.</returns>
    /// <exception cref="CheckpointException">The shard that should hold it is damaged or does not.</exception>
    public bool TryGet(string name, [NotNullWhen(true)] out TensorFile? file, [NotNullWhen(true)] out TensorEntry? entry)
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
        var file = OpenAny(path);
        var reader = new CheckpointReader(
            path, new OrderedDictionary<string, string>(file.Entries.Keys.Select(name => KeyValuePair.Create(name, path))));
        reader._open.Add(path, file);
        return reader;
    }

    private static TensorFile OpenAny(string path)
    {
        if (s_torchSuffixes.Any(suffix => path.EndsWith(suffix, StringComparison.OrdinalIgnoreCase)))
        {
            return TorchFile.Open(path);
        }

        if (GgufFile.IsNamed(path))
        {
            return GgufFile.Open(path);
        }

        return path.EndsWith(SafetensorsSuffix, StringComparison.OrdinalIgnoreCase) || !File.Exists(path)
            ? SafetensorsFile.Open(path)
            : throw new CheckpointException(new Problem(
                path,
                "this kind of weights file is not read",
                $"a model folder, or a file {SafetensorsSuffix}, .gguf or {string.Join(", ", s_torchSuffixes)}"));
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
            $"{SingleName} or {TorchSingleName}, or the index of either with its shards",
            others.Length == 0 ? "no weights file" : string.Join(", ", others)));
    }

    private static bool LooksLikeWeights(string name) =>
        Path.GetExtension(name) is ".bin" or ".pt" or ".pth" or ".gguf" or ".safetensors"
        || name.EndsWith(".bin.index.json", StringComparison.Ordinal);

    private TensorFile OpenFile(string path)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_open.TryGetValue(path, out var file))
            {
                file = OpenAny(path);
                _open.Add(path, file);
            }

            return file;
        }
    }
}
