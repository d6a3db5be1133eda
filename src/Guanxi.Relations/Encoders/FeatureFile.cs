using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Relations.Encoders;

/// <summary>Features of rows, computed once and kept in a file for later runs: those of an encoder that does not train never change.</summary>
/// <remarks>
/// The file's name is a hash of everything that features depend on: all bytes of the encoder's configuration and weights, the compute type, and the
/// tokens of all rows, in which text, tokenizer and length are. A tensor <c>features</c>, [N, C] Float32, holds the tokens of all rows end to end.
/// </remarks>
internal sealed class FeatureFile : IDisposable
{
    private const string Features = "features";
    private const int RowsAtOnce = 32;
    private const int ChunksBetweenNotes = 32;

    private static readonly string[] s_modelFiles = ["config.json", "*.safetensors", "*.bin"];

    private readonly SafetensorsFile _file;
    private readonly Dictionary<string, int> _starts;

    private FeatureFile(SafetensorsFile file, Dictionary<string, int> starts) => (_file, _starts) = (file, starts);

    /// <summary>Opens the file of these rows, or computes and writes it.</summary>
    /// <param name="folder">Where such files are kept; made when missing.</param>
    /// <param name="model">The model that reads the rows.</param>
    /// <param name="rows">Tokens of all rows.</param>
    /// <param name="say">Told of what is done.</param>
    /// <param name="stop">Ends the computing between batches.</param>
    /// <returns>The file, owned by the caller.</returns>
    /// <exception cref="CheckpointException">The file cannot be written or read.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static FeatureFile Open(string folder, BiGruPairModel model, IEnumerable<int[]> rows, Action<string> say, CancellationToken stop)
    {
        var (starts, distinct, tokens) = (new Dictionary<string, int>(StringComparer.Ordinal), new List<int[]>(), 0);
        foreach (var ids in rows)
        {
            if (starts.TryAdd(KeyOf(ids), tokens))
            {
                distinct.Add(ids);
                tokens += ids.Length;
            }
        }

        var path = Path.Combine(folder, $"{Hash(model, distinct)}.safetensors");
        if (File.Exists(path))
        {
            say($"features of {distinct.Count:N0} rows are those of {path}");
        }
        else
        {
            say($"computing the features of {distinct.Count:N0} rows, once");
            Directory.CreateDirectory(folder);
            Write(path, model, (distinct, tokens), say, stop);
        }

        return new FeatureFile(SafetensorsFile.Open(path), starts);
    }

    /// <summary>The features of rows.</summary>
    /// <param name="ids">Tokens of the rows.</param>
    /// <returns>[N, C], Float32, owned by the current scope; null when the file does not hold all of them.</returns>
    public Tensor? Find(IReadOnlyList<int[]> ids)
    {
        using var scope = TensorScope.Enter();
        var all = _file.ToTensor(_file.Entries[Features]);
        var parts = new List<Tensor>(ids.Count);
        foreach (var row in ids)
        {
            if (!_starts.TryGetValue(KeyOf(row), out var start))
            {
                return null;
            }

            parts.Add(all.Narrow(0, start, row.Length));
        }

        return scope.Keep(Tensor.Cat([.. parts], 0));
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private static void Write(string path, BiGruPairModel model, (List<int[]> Ids, int Tokens) rows, Action<string> say, CancellationToken stop)
    {
        long[] shape = [rows.Tokens, model.Below.Config.HiddenSize];
        var source = new TensorSource(Features, DType.Float32, shape, stream =>
        {
            foreach (var (index, chunk) in rows.Ids.Chunk(RowsAtOnce).Index())
            {
                if (index > 0 && index % ChunksBetweenNotes == 0)
                {
                    say($"features of {index * RowsAtOnce:N0} of {rows.Ids.Count:N0} rows");
                }

                stop.ThrowIfCancellationRequested();
                using var scope = TensorScope.Enter();
                stream.Write(MemoryMarshal.AsBytes<float>(model.Features(chunk).ToArray<float>()));
            }
        });
        SafetensorsWriter.Write(path, [source], null);
    }

    private static string KeyOf(int[] ids) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<int>(ids)));

    private static string Hash(BiGruPairModel model, List<int[]> rows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{model.Evaluation.ComputeType} {model.Below.Config.LayerCount - 1}\0"));
        try
        {
            foreach (var file in s_modelFiles.SelectMany(pattern => Directory.EnumerateFiles(model.Below.Folder, pattern).Order(StringComparer.Ordinal)))
            {
                using var stream = File.OpenRead(file);
                hash.AppendData(SHA256.HashData(stream));
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(new Problem(model.Below.Folder, "the encoder cannot be read to name its features", Found: error.Message), error);
        }

        foreach (var row in rows)
        {
            hash.AppendData(SHA256.HashData(MemoryMarshal.AsBytes<int>(row)));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
