using System.Runtime.InteropServices;
using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>The elements of a tensor as bytes of a file.</summary>
internal static class TensorBytes
{
    // A conversion of the whole would need the tensor a second time in memory.
    private const long ElementsAtOnce = 1 << 20;

    /// <summary>Writes all elements in row-major order, converted to a type.</summary>
    public static void Write(Tensor tensor, DType dtype, Stream stream)
    {
        var flat = tensor.Contiguous().View(-1);
        for (long start = 0; start < flat.ElementCount; start += ElementsAtOnce)
        {
            using var scope = TensorScope.Enter();
            var part = flat.Narrow(0, start, Math.Min(ElementsAtOnce, flat.ElementCount - start));
            stream.Write(Of(part.To(dtype).ToDevice(Device.Cpu)));
        }
    }

    /// <summary>The memory of a contiguous tensor on the CPU.</summary>
    public static ReadOnlySpan<byte> Of(Tensor tensor) => tensor.DType.SizeInBytes() switch
    {
        1 => tensor.AsSpan<byte>(),
        2 => MemoryMarshal.AsBytes(tensor.AsSpan<ushort>()),
        4 => MemoryMarshal.AsBytes(tensor.AsSpan<uint>()),
        _ => MemoryMarshal.AsBytes(tensor.AsSpan<ulong>()),
    };
}
