using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>A weights file mapped into memory: names, types, shapes and bytes of its tensors.</summary>
/// <remarks>
/// The file is checked as a whole before anything of it is given out. It must not be shortened while it is mapped: the
/// operating system would end the process at the next touch of a missing page. This library replaces files, it never shortens them.
/// </remarks>
public abstract class TensorFile : IDisposable
{
    private readonly MappedFile _mapped;

    private protected TensorFile(MappedFile mapped, IReadOnlyDictionary<string, TensorEntry> entries)
    {
        _mapped = mapped;
        Entries = entries;
    }

    /// <summary>Path as given when the file was opened.</summary>
    public string FilePath => _mapped.Path;

    /// <summary>Size of the file in bytes.</summary>
    public long Length => _mapped.Length;

    /// <summary>All tensors by name.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Entries { get; }

    /// <summary>The mapped memory of the whole file; <see cref="TensorEntry.Offset"/> counts from its beginning.</summary>
    /// <remarks>
    /// Owned by this object; who keeps an address of it must hold a reference on the handle. The memory is read-only: a write
    /// into it ends the process. An element is aligned only where <see cref="TensorEntry.IsAligned"/> says so.
    /// </remarks>
    public SafeBuffer Buffer => _mapped.Buffer;

    /// <summary>A tensor on the CPU, without a copy where the elements lie in order and aligned.</summary>
    /// <param name="entry">One of <see cref="Entries"/>, or a part of one.</param>
    /// <returns>New contiguous tensor, owned by the current scope. It is to be treated as read-only: it may be the mapped memory.</returns>
    public virtual Tensor ToTensor(TensorEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        if (entry.Strides is not { } strides)
        {
            var stored = Tensor.FromMemory(Buffer, entry.Offset, entry.DType, entry.Shape);
            return scope.Keep(entry.IsAligned ? stored : stored.Clone());
        }

        long reach = 1;
        for (var i = 0; i < strides.Length; i++)
        {
            reach += (entry.Shape[i] - 1) * strides[i];
        }

        return scope.Keep(Tensor.FromMemory(Buffer, entry.Offset, entry.DType, reach).AsStrided(entry.Shape, strides).Contiguous());
    }

    /// <summary>Copies the bytes of a tensor.</summary>
    /// <param name="name">A name in <see cref="Entries"/>.</param>
    /// <returns>The elements as stored, little-endian, row-major.</returns>
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

    /// <summary>Unmaps the file. Tensors made from it keep it mapped as long as they live.</summary>
    public void Dispose()
    {
        _mapped.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Gives the memory of a tensor that was copied back to the system; what is still mapped is read from the file again.
    /// </summary>
    internal void Forget(TensorEntry entry)
    {
        if (entry.IsInOrder)
        {
            MappedPages.Release(Buffer, entry.Offset, entry.ByteLength);
        }
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
        if (entry.IsInOrder)
        {
            Buffer.ReadSpan((ulong)entry.Offset, MemoryMarshal.AsBytes(target.AsSpan()));
            return target;
        }

        using var scope = TensorScope.Enter();
        TensorBytes.Of(ToTensor(entry)).CopyTo(MemoryMarshal.AsBytes(target.AsSpan()));
        return target;
    }
}
