using System.Buffers.Binary;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>A .safetensors file; its tensors come in the order of their bytes in the file.</summary>
public sealed class SafetensorsFile : TensorFile
{
    /// <summary>Largest header that is read, in bytes; the reference library has the same limit.</summary>
    public const int MaxHeaderBytes = 100_000_000;

    private const int LengthBytes = 8;

    private SafetensorsFile(MappedFile mapped, SafetensorsHeader header)
        : base(mapped, header.Entries) => Metadata = header.Metadata;

    /// <summary>The <c>__metadata__</c> object of the header; empty when there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The mapped file, owned by the caller.</returns>
    /// <exception cref="CheckpointException">The file cannot be read or breaks a rule of the format.</exception>
    public static SafetensorsFile Open(string path)
    {
        try
        {
            using var stream = MappedFile.OpenStream(path);
            var length = stream.Length;
            var headerBytes = ReadHeader(stream, length, path);
            var dataStart = LengthBytes + headerBytes.Length;
            var header = SafetensorsHeader.Parse(headerBytes, dataStart, length - dataStart, path);
            return new SafetensorsFile(new MappedFile(stream, path), header);
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw FileErrors.Wrap(path, "the file cannot be read", error);
        }
    }

    private static byte[] ReadHeader(FileStream stream, long fileLength, string path)
    {
        if (fileLength < LengthBytes)
        {
            throw new CheckpointException(
                new Problem(path, "the file is too short for a safetensors file", "at least 8 bytes", $"{fileLength} bytes"));
        }

        Span<byte> prefix = stackalloc byte[LengthBytes];
        stream.ReadExactly(prefix);
        var declared = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        var most = (ulong)Math.Min(MaxHeaderBytes, fileLength - LengthBytes);
        if (declared > most)
        {
            throw new CheckpointException(new Problem(
                path,
                "the header length is wrong",
                $"at most {most} bytes",
                $"{declared}",
                "The file is damaged, cut off or not a safetensors file."));
        }

        var header = new byte[declared];
        stream.ReadExactly(header);
        if (header is not [(byte)'{', ..])
        {
            throw new CheckpointException(new Problem(path, "the header does not begin with '{'", Hint: "This is not a safetensors file."));
        }

        return header;
    }
}
