using System.Runtime.InteropServices;
using Guanxi.Torch.Kernels.Quantisation;

namespace Guanxi.Torch;

/// <summary>Brings tensors out of the blocks of a GGUF file and into them.</summary>
public static unsafe class GgmlBlocks
{
    /// <summary>Elements of a block.</summary>
    /// <param name="type">A type.</param>
    /// <returns>1 for plain types.</returns>
    public static int ElementsOf(GgmlType type) => GgmlForm.Of(type).Elements;

    /// <summary>Bytes of a block.</summary>
    /// <param name="type">A type.</param>
    /// <returns>The bytes.</returns>
    public static int BytesOf(GgmlType type) => GgmlForm.Of(type).Bytes;

    /// <summary>The element type of a type without blocks.</summary>
    /// <param name="type">A type.</param>
    /// <returns>The element type, or null for a type with blocks.</returns>
    public static DType? PlainTypeOf(GgmlType type) => type switch
    {
        GgmlType.F32 => DType.Float32,
        GgmlType.F16 => DType.Float16,
        GgmlType.BF16 => DType.BFloat16,
        _ => null,
    };

    /// <summary>
    /// Brings blocks back to numbers: exact products of scale and code in Float32, and one rounding where a minimum is added.
    /// </summary>
    /// <param name="buffer">E.g. a mapped file.</param>
    /// <param name="byteOffset">Where the first block lies.</param>
    /// <param name="type">A type with blocks.</param>
    /// <param name="shape">Shape of the tensor; rows of whole blocks.</param>
    /// <returns>New Float32 tensor on the CPU, owned by the current scope.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The type has no blocks, or the tensor does not lie inside the buffer.</exception>
    /// <exception cref="ArgumentException">Rows are no whole blocks.</exception>
    public static Tensor Dequantize(SafeBuffer buffer, long byteOffset, GgmlType type, params ReadOnlySpan<long> shape)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        if (PlainTypeOf(type) is not null)
        {
            throw new ArgumentOutOfRangeException(nameof(type), type, "this type has no blocks");
        }

        var (elements, bytes) = GgmlForm.Of(type);
        RequireWholeBlocks(shape, elements, nameof(shape));
        var target = Tensor.Empty(shape, DType.Float32, Device.Cpu);
        var blocks = target.ElementCount / elements;
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)byteOffset + (ulong)(blocks * bytes), buffer.ByteLength, nameof(byteOffset));
        byte* start = null;
        buffer.AcquirePointer(ref start);
        try
        {
            GgmlDecoder.Decode(type, start + byteOffset, blocks, (float*)target.DataPointer());
            return target;
        }
        finally
        {
            buffer.ReleasePointer();
        }
    }

    /// <summary>Brings numbers into blocks, as the format's reference quantiser does.</summary>
    /// <param name="source">Float32, contiguous, on the CPU; rows of whole blocks.</param>
    /// <param name="type">Q8_0 or Q4_0.</param>
    /// <returns>UInt8 [bytes], owned by the current scope.</returns>
    /// <exception cref="TorchException">An element is infinite, not a number, or too large for a scale in half precision.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The type is another.</exception>
    /// <exception cref="ArgumentException">The tensor is another.</exception>
    public static Tensor Quantize(Tensor source, GgmlType type)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (type is not (GgmlType.Q8_0 or GgmlType.Q4_0))
        {
            throw new ArgumentOutOfRangeException(nameof(type), type, "blocks are written as Q8_0 or Q4_0");
        }

        var (elements, bytes) = GgmlForm.Of(type);
        KernelArguments.Require(source, DType.Float32, source.Shape, nameof(source));
        RequireWholeBlocks(source.Shape, elements, nameof(source));
        var blocks = source.ElementCount / elements;
        var target = Tensor.Empty([blocks * bytes], DType.UInt8, Device.Cpu);
        var bad = GgmlEncoder.Encode(type, (float*)source.DataPointer(), blocks, (byte*)target.DataPointer());
        return bad < 0 ? target : throw new TorchException(
            $"elements from {bad * elements} on of a {source} are infinite, not numbers or too large: they cannot be quantised");
    }

    private static void RequireWholeBlocks(ReadOnlySpan<long> shape, int elements, string name)
    {
        if (shape.IsEmpty || shape[^1] % elements != 0)
        {
            throw new ArgumentException(
                $"{name}: expected rows of whole blocks of {elements} elements, found [{string.Join(", ", shape.ToArray())}]", name);
        }
    }
}
