using System.Runtime.InteropServices;
using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Tensors as bytes of a file.</summary>
internal static class TensorBytes
{
    private const int ChunkElements = 1 << 20;

    /// <summary>A tensor to be written by <see cref="SafetensorsWriter"/>; its bytes are taken when their turn comes.</summary>
    public static TensorSource Source(string name, Tensor value) =>
        new(name, value.DType, value.Shape.ToArray(), stream => Write(value, stream));

    private static void Write(Tensor value, Stream stream)
    {
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var flat = value.Detach().ToDevice(Device.Cpu).Contiguous().View(-1);
        for (long start = 0; start < flat.ElementCount; start += ChunkElements)
        {
            // In pieces: a span is at most two billion bytes long, a weight may be longer.
            using var piece = TensorScope.Enter();
            var part = flat.Narrow(0, start, Math.Min(ChunkElements, flat.ElementCount - start));
            stream.Write(part.DType.SizeInBytes() switch
            {
                1 => part.AsSpan<byte>(),
                2 => MemoryMarshal.AsBytes(part.AsSpan<ushort>()),
                4 => MemoryMarshal.AsBytes(part.AsSpan<uint>()),
                _ => MemoryMarshal.AsBytes(part.AsSpan<ulong>()),
            });
        }
    }
}
