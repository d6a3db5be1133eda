using System.Buffers;
using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>A .safetensors file mapped into memory: names, types, shapes and bytes of its tensors.</summary>
/// <remarks>
/// The file is checked as a whole before anything of it is given out. It must not be shortened while it is mapped: the
/// operating system would end the process at the next touch of a missing page. This library replaces files, it never shortens them.
/// </remarks>
public sealed class SafetensorsFile : IDisposable
{
    /// <summary>Largest header that is read, in bytes; the reference library has the same limit.</summary>
    public const int MaxHeaderBytes = 100_000_000;

    private const int LengthBytes = 8;
    private const int CopyBytes = 1 << 20;

    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;

    private SafetensorsFile(string path, SafetensorsHeader header, long length, MemoryMappedFile map)
    {
        FilePath = path;
        Entries = header.Entries;
        Metadata = header.Metadata;
        Length = length;
        _map = map;
        _view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
    }

    /// <summary>Path as given to <see cref="Open"/>.</summary>
    public string FilePath { get; }

    /// <summary>Size of the file in bytes.</summary>
    public long Length { get; }

    /// <summary>All tensors by name, in the order of their bytes in the file.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Entries { get; }

    /// <summary>The <c>__metadata__</c> object of the header; empty when there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The mapped memory of the whole file; <see cref="TensorEntry.Offset"/> counts from its beginning.</summary>
    /// <remarks>
    /// Owned by this object; who keeps an address of it must hold a reference on the handle. The memory is read-only: a write
    /// into it ends the process. An element is aligned only where <see cref="TensorEntry.IsAligned"/> says so.
    /// </remarks>
    public SafeBuffer Buffer => _view.SafeMemoryMappedViewHandle;

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The mapped file, owned by the caller.</returns>
    /// <exception cref="CheckpointException">The file cannot be read or breaks a rule of the format.</exception>
    public static SafetensorsFile Open(string path)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
            var length = stream.Length;
            var headerBytes = ReadHeader(stream, length, path);
            var dataStart = LengthBytes + headerBytes.Length;
            var header = SafetensorsHeader.Parse(headerBytes, dataStart, length - dataStart, path);
            var map = MemoryMappedFile.CreateFromFile(
                stream, mapName: null, capacity: 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            return new SafetensorsFile(path, header, length, map);
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw FileErrors.Wrap(path, "the file cannot be read", error);
        }
    }

    /// <summary>Copies the bytes of a tensor.</summary>
    /// <param name="name">A name in <see cref="Entries"/>.</param>
    /// <returns>The bytes as stored, little-endian.</returns>
    /// <exception cref="CheckpointException">There is no such tensor, or it is larger than an array can be.</exception>
    public byte[] ReadBytes(string name) => Copy<byte>(Find(name));

    /// <summary>Copies the elements of a tensor.</summary>
    /// <typeparam name="T">
    /// The .NET type of the stored element type; <see cref="ushort"/> stands for the bits of both half-precision types,
    /// <see cref="byte"/> for U8 and BOOL.
    /// </typeparam>
    /// <param name="name">A name in <see cref="Entries"/>.</param>
    /// <returns>The elements, row-major.</returns>
    /// <exception cref="CheckpointException">There is no such tensor, or it holds another type.</exception>
    public T[] Read<T>(string name)
        where T : unmanaged
    {
        var entry = Find(name);
        if (!Holds<T>(entry.DType))
        {
            throw new CheckpointException(
                new Problem(FilePath, $"tensor {FileErrors.Quote(name)} has another element type", typeof(T).Name, entry.DType.ToString()));
        }

        return Copy<T>(entry);
    }

    /// <summary>Copies the elements of a floating-point tensor, widened (F64: rounded) to single precision.</summary>
    /// <param name="name">A name in <see cref="Entries"/>.</param>
    /// <returns>The elements, row-major.</returns>
    /// <exception cref="CheckpointException">There is no such tensor, or it does not hold real numbers.</exception>
    public float[] ReadSingles(string name) => Find(name).DType switch
    {
        DType.Float16 => Array.ConvertAll(Read<Half>(name), value => (float)value),
        DType.BFloat16 => Array.ConvertAll(Read<ushort>(name), bits => BitConverter.UInt32BitsToSingle((uint)bits << 16)),
        DType.Float64 => Array.ConvertAll(Read<double>(name), value => (float)value),
        _ => Read<float>(name),
    };

    /// <summary>Unmaps the file. Tensors made from <see cref="Buffer"/> keep it mapped as long as they hold a reference on it.</summary>
    public void Dispose()
    {
        _view.Dispose();
        _map.Dispose();
    }

    internal void CopyTo(TensorEntry entry, Stream target)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(entry.ByteLength, CopyBytes));
        try
        {
            for (long done = 0; done < entry.ByteLength;)
            {
                var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, entry.ByteLength - done));
                Buffer.ReadSpan((ulong)(entry.Offset + done), part);
                target.Write(part);
                done += part.Length;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
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

    private static bool Holds<T>(DType dtype) => dtype switch
    {
        DType.Float64 => typeof(T) == typeof(double),
        DType.Float32 => typeof(T) == typeof(float),
        DType.Float16 => typeof(T) == typeof(Half) || typeof(T) == typeof(ushort),
        DType.BFloat16 => typeof(T) == typeof(ushort),
        DType.Int64 => typeof(T) == typeof(long),
        DType.Int32 => typeof(T) == typeof(int),
        DType.Int16 => typeof(T) == typeof(short),
        DType.Int8 => typeof(T) == typeof(sbyte),
        _ => typeof(T) == typeof(byte),
    };

    private TensorEntry Find(string name) => Entries.TryGetValue(name, out var entry)
        ? entry
        : throw new CheckpointException(new Problem(FilePath, $"there is no tensor {FileErrors.Quote(name)}"));

    private T[] Copy<T>(TensorEntry entry)
        where T : unmanaged
    {
        var count = entry.ByteLength / Unsafe.SizeOf<T>();
        if (count > Array.MaxLength)
        {
            throw new CheckpointException(new Problem(
                FilePath, $"tensor {FileErrors.Quote(entry.Name)} is too large for an array", $"{Array.MaxLength} elements", $"{count}"));
        }

        var target = new T[count];
        Buffer.ReadSpan((ulong)entry.Offset, MemoryMarshal.AsBytes(target.AsSpan()));
        return target;
    }
}
