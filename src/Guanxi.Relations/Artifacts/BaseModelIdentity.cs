using System.Buffers.Binary;
using System.Security;
using System.Security.Cryptography;
using System.Text;
using Guanxi.Transformers;

namespace Guanxi.Relations.Artifacts;

/// <summary>Which model a training began with.</summary>
/// <param name="NameOrPath">As the training was told.</param>
/// <param name="Sha256">Fingerprint of configuration and weights, lower-case hexadecimal; null when it is not known.</param>
public sealed record BaseModelIdentity(string NameOrPath, string? Sha256)
{
    private const string ConfigFile = "config.json";

    // Both ends of a weight file: tensor names and shapes at one, weights at the other. A whole 7B model would take a minute to read.
    private const int SampleBytes = 64 * 1024;

    private static readonly string[] s_weightFiles = ["*.safetensors", "*.bin", "*.gguf"];

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

            return new BaseModelIdentity(nameOrPath, Convert.ToHexStringLower(hash.GetHashAndReset()));
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
}
