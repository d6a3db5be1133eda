using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Guanxi.Torch;

/// <content>Making tensors.</content>
public sealed partial class Tensor
{
    /// <summary>Memory with whatever stood in it.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="dtype">The element type.</param>
    /// <param name="device">Where.</param>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::empty.memory_format</c></remarks>
    public static Tensor Empty(ReadOnlySpan<long> shape, DType dtype, Device device) =>
        Operators.Empty.Invoke(shape.ToArray(), dtype, Argument.None, device);

    /// <summary>Zeros.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="dtype">The element type.</param>
    /// <param name="device">Where.</param>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::zeros</c></remarks>
    public static Tensor Zeros(ReadOnlySpan<long> shape, DType dtype, Device device) =>
        Operators.Zeros.Invoke(shape.ToArray(), dtype, Argument.None, device);

    /// <summary>One number everywhere.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="value">The number.</param>
    /// <param name="dtype">The element type.</param>
    /// <param name="device">Where.</param>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::full</c></remarks>
    public static Tensor Full(ReadOnlySpan<long> shape, double value, DType dtype, Device device) =>
        Operators.Full.Invoke(shape.ToArray(), value, dtype, Argument.None, device);

    /// <summary>Whole numbers from <paramref name="start"/> up to, not including, <paramref name="end"/>.</summary>
    /// <param name="start">First number.</param>
    /// <param name="end">Bound.</param>
    /// <param name="device">Where.</param>
    /// <returns>New Int64 tensor [end - start].</returns>
    /// <remarks><c>aten::arange.start</c></remarks>
    public static Tensor Range(long start, long end, Device device) =>
        Operators.Arange.Invoke(start, end, DType.Int64, Argument.None, device);

    /// <summary>Copies an array.</summary>
    /// <typeparam name="T">float, double, long, int, short, sbyte, byte, bool or <see cref="Half"/>.</typeparam>
    /// <param name="values">Elements in row-major order.</param>
    /// <param name="shape">The shape; its product is the number of elements.</param>
    /// <returns>New CPU tensor.</returns>
    /// <exception cref="ArgumentException">The shape does not fit the number of elements, or the type has no counterpart.</exception>
    public static Tensor From<T>(ReadOnlySpan<T> values, params ReadOnlySpan<long> shape)
        where T : unmanaged => FromRaw(values, DTypeOf<T>(), shape);

    /// <summary>Copies an array whose C# type only stands for the element type, e.g. <see cref="ushort"/> for bf16.</summary>
    /// <typeparam name="T">A type of the elements' size, or <see cref="byte"/> for raw memory.</typeparam>
    /// <param name="values">The memory in row-major order.</param>
    /// <param name="dtype">The element type.</param>
    /// <param name="shape">The shape.</param>
    /// <returns>New CPU tensor.</returns>
    /// <exception cref="ArgumentException">The shape does not fit the number of bytes.</exception>
    public static unsafe Tensor FromRaw<T>(ReadOnlySpan<T> values, DType dtype, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        long count = 1;
        foreach (var size in shape)
        {
            count = checked(count * size);
        }

        var bytes = MemoryMarshal.AsBytes(values);
        if (bytes.Length != count * dtype.SizeInBytes())
        {
            throw new ArgumentException($"{values.Length} values do not fill {dtype}[{string.Join(", ", shape.ToArray())}]");
        }

        var tensor = Empty(shape, dtype, Device.Cpu);
        if (count > 0)
        {
            bytes.CopyTo(new Span<byte>(tensor.DataPointer(), bytes.Length));
        }

        return tensor;
    }

    /// <summary>A CPU tensor over mapped memory, without a copy. The buffer stays open as long as the tensor or a view of it lives.</summary>
    /// <param name="buffer">E.g. the handle of a memory-mapped view.</param>
    /// <param name="byteOffset">Where the first element lies.</param>
    /// <param name="dtype">The element type.</param>
    /// <param name="shape">The shape.</param>
    /// <returns>New tensor; writing to it writes to the mapping.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The tensor does not lie inside the buffer.</exception>
    public static unsafe Tensor FromMemory(SafeBuffer buffer, long byteOffset, DType dtype, params ReadOnlySpan<long> shape)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        var bytes = (long)dtype.SizeInBytes();
        foreach (var size in shape)
        {
            bytes = checked(bytes * size);
        }

        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)(byteOffset + bytes), buffer.ByteLength, nameof(byteOffset));

        byte* start = null;
        buffer.AcquirePointer(ref start);
        var context = GCHandle.ToIntPtr(GCHandle.Alloc(buffer));
        fixed (long* sizes = shape)
        {
            long one = 1;
            var status = Native.gx_tensor_from_memory(
                (nint)(start + byteOffset), (int)dtype, sizes is null ? &one : sizes, shape.Length, &ReleaseBuffer, context, out var handle);
            Native.Check(status, nameof(FromMemory));
            return new Tensor(handle);
        }
    }

    private static DType DTypeOf<T>()
        where T : unmanaged
    {
        var type = typeof(T);
        return type == typeof(float) ? DType.Float32
            : type == typeof(double) ? DType.Float64
            : type == typeof(long) ? DType.Int64
            : type == typeof(int) ? DType.Int32
            : type == typeof(short) ? DType.Int16
            : type == typeof(sbyte) ? DType.Int8
            : type == typeof(byte) ? DType.UInt8
            : type == typeof(bool) ? DType.Bool
            : type == typeof(Half) ? DType.Float16
            : throw new ArgumentException($"{type.Name} is no element type; FromRaw takes any memory");
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ReleaseBuffer(long context)
    {
        var handle = GCHandle.FromIntPtr((nint)context);
        ((SafeBuffer)handle.Target!).ReleasePointer();
        handle.Free();
    }
}
