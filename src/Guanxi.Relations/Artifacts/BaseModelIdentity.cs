using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security;
using System.Security.Cryptography;
using System.Text;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Relations.Artifacts;

/// <summary>Which model a training began with.</summary>
/// <param name="NameOrPath">As the training was told.</param>
/// <param name="Sha256">Fingerprint of configuration and weights, lower-case hexadecimal; null when it is not known.</param>
public sealed record BaseModelIdentity(string NameOrPath, string? Sha256)
{
    private const string ConfigFile = "config.json";

    // Both ends of a weight file: tensor names and shapes at one, weights at the other. A whole 7B model would take a minute to read.
    private const int SampleBytes = 64 * 1024;

    private const string GgufEnding = ".gguf";

    private static readonly string[] s_weightFiles = ["*.safetensors", "*.bin", "*.gguf"];

    /// <summary>
    /// Fingerprint of what a quantised copy keeps: the weights of all norms, rounded to bf16; null when there are none that could
    /// tell.
    /// </summary>
    public string? NormsSha256 { get; init; }

    /// <summary>Whether its matrices are a quantised copy of others: 4-bit or 8-bit layers of bitsandbytes, or a GGUF file.</summary>
    public bool IsQuantized { get; init; }

    /// <summary>Whether an adapter of one model may stand on the other.</summary>
    /// <param name="other">The other model.</param>
    /// <returns>
    /// True for the same files, and where one of the two is a quantised copy of the other as far as its norms tell. Two models that are
    /// not quantised must be the same: a copy with an adapter merged into it has the same norms, and must not get that adapter twice.
    /// True as well when either has no fingerprint.
    /// </returns>
    public bool Fits(BaseModelIdentity other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Sha256 is null || other.Sha256 is null || Sha256.Equals(other.Sha256, StringComparison.OrdinalIgnoreCase)
            || ((IsQuantized || other.IsQuantized) && NormsSha256 is not null
                && NormsSha256.Equals(other.NormsSha256, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Takes the fingerprint of a model.</summary>
    /// <param name="path">The model's folder, or a weight file that is a whole model.</param>
    /// <param name="nameOrPath">What the user calls it.</param>
    /// <returns>The identity. It depends on the configuration and on name, size and both ends of every weight file.</returns>
    /// <exception cref="CheckpointException">A file cannot be read.</exception>
    public static BaseModelIdentity Of(string path, string nameOrPath)
    {
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var file in Files(path))
            {
                Append(hash, file);
            }

            var files = new BaseModelIdentity(nameOrPath, Convert.ToHexStringLower(hash.GetHashAndReset()));
            return WithNorms(files, path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or SecurityException)
        {
            throw new CheckpointException(new Problem(path, "the model cannot be read to take its fingerprint",
                Found: fault.Message.TrimEnd('.')), fault);
        }
    }

    private static IEnumerable<string> Files(string path) => File.Exists(path)
        ? [path]
        : s_weightFiles.SelectMany(pattern => Directory.EnumerateFiles(path, pattern))
            .Concat(Directory.EnumerateFiles(path, ConfigFile))
            .OrderBy(Path.GetFileName, StringComparer.Ordinal);

    private static void Append(IncrementalHash hash, string path)
    {
        using var stream = File.OpenRead(path);
        var size = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(size, stream.Length);
        hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(path) + "\0"));
        hash.AppendData(size);
        var sample = new byte[(int)Math.Min(SampleBytes, stream.Length)];
        stream.ReadExactly(sample);
        hash.AppendData(sample);
        stream.Seek(-sample.Length, SeekOrigin.End);
        stream.ReadExactly(sample);
        hash.AppendData(sample);
    }

    private static BaseModelIdentity WithNorms(BaseModelIdentity files, string path)
    {
        try
        {
            using var reader = CheckpointReader.Open(path);
            return files with
            {
                NormsSha256 = NormsOf(reader),
                IsQuantized = reader.Source.EndsWith(GgufEnding, StringComparison.OrdinalIgnoreCase) || reader.Names.Any(IsPartOfQuantized),
            };
        }
        catch (CheckpointException)
        {
            // What is wrong with the weights is told by whoever loads them; without them the files alone are compared.
            return files;
        }
    }

    private static bool IsPartOfQuantized(string name) =>
        name.Contains(".quant_state.bitsandbytes__", StringComparison.Ordinal) || name.EndsWith(".SCB", StringComparison.Ordinal);

    private static string? NormsOf(CheckpointReader reader)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var distinct = new HashSet<ushort>();
        foreach (var name in reader.Names.Order(StringComparer.Ordinal))
        {
            if (!name.Contains("norm", StringComparison.OrdinalIgnoreCase) || !reader.TryGet(name, out var file, out var entry)
                || entry.Shape.Length != 1 || !entry.DType.IsFloatingPoint())
            {
                continue;
            }

            using var scope = TensorScope.Enter();
            var rounded = file.ToTensor(entry).To(DType.Float32).To(DType.BFloat16).ToArray<ushort>();
            hash.AppendData(Encoding.UTF8.GetBytes(name + "\0"));
            hash.AppendData(MemoryMarshal.AsBytes(rounded.AsSpan()));
            distinct.UnionWith(rounded);
        }

        // Norms that were never trained are all ones, as those of any other fresh model.
        return distinct.Count > 2 ? Convert.ToHexStringLower(hash.GetHashAndReset()) : null;
    }
}
