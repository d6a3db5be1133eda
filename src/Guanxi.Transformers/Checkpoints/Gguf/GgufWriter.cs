using System.Buffers.Binary;
using System.Text;
using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints.Gguf;

/// <summary>A tensor to be written into a GGUF file, whose bytes are asked for only when their turn comes.</summary>
/// <param name="Name">Name in the file.</param>
/// <param name="Type">How its elements are stored.</param>
/// <param name="Shape">Row-major.</param>
/// <param name="Compute">Gives the tensor, of any floating-point type; it runs in a scope of its own, without recording.</param>
public sealed record GgufSource(string Name, GgmlType Type, long[] Shape, Func<Tensor> Compute)
{
    /// <summary>Bytes of all blocks.</summary>
    internal long ByteLength =>
        Shape.Aggregate(1L, (product, size) => checked(product * size)) / GgmlBlocks.ElementsOf(Type) * GgmlBlocks.BytesOf(Type);

    internal void WriteTo(Stream stream)
    {
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var tensor = Compute();
        if (GgmlBlocks.PlainTypeOf(Type) is { } plain)
        {
            TensorBytes.Write(tensor, plain, stream);
            return;
        }

        TensorBytes.Write(GgmlBlocks.Quantize(tensor.ToDevice(Device.Cpu).To(DType.Float32).Contiguous(), Type), DType.UInt8, stream);
    }
}

/// <summary>Writes GGUF files of version 3, one tensor in memory at a time.</summary>
public static class GgufWriter
{
    private const int Alignment = 32;
    private const uint Version = 3;

    /// <summary>Writes a file.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="keys">
    /// Keys with their values: <see cref="string"/>, <see cref="bool"/>, <see cref="float"/>, <see cref="long"/> (written in 32 bits where
    /// they suffice), or arrays of texts, of <see cref="float"/> or of <see cref="int"/>.
    /// </param>
    /// <param name="tensors">The tensors, in the order of the file.</param>
    /// <exception cref="CheckpointException">The file cannot be written, or a tensor cannot be brought into blocks.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, object>> keys, IReadOnlyList<GgufSource> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var header = new MemoryStream();
        WriteHeader(header, [.. keys], tensors);
        AtomicFile.Write(path, stream =>
        {
            header.WriteTo(stream);
            var at = header.Length;
            Pad(stream, ref at);
            foreach (var tensor in tensors)
            {
                try
                {
                    tensor.WriteTo(stream);
                }
                catch (TorchException error) when (!error.IsOutOfMemory)
                {
                    throw new CheckpointException(new Problem(path, $"tensor '{tensor.Name}' cannot be written", Found: error.Message),
                        error);
                }

                at += tensor.ByteLength;
                Pad(stream, ref at);
            }
        });
    }

    private static void WriteHeader(Stream stream, KeyValuePair<string, object>[] keys, IReadOnlyList<GgufSource> tensors)
    {
        stream.Write("GGUF"u8);
        Number(stream, Version);
        Number(stream, (ulong)tensors.Count);
        Number(stream, (ulong)keys.Length);
        foreach (var (key, value) in keys)
        {
            Text(stream, key);
            Value(stream, value);
        }

        ulong offset = 0;
        foreach (var tensor in tensors)
        {
            Text(stream, tensor.Name);
            Number(stream, (uint)tensor.Shape.Length);
            for (var i = tensor.Shape.Length - 1; i >= 0; i--)
            {
                Number(stream, (ulong)tensor.Shape[i]);
            }

            Number(stream, (uint)tensor.Type);
            Number(stream, offset);
            offset += ((ulong)tensor.ByteLength + Alignment - 1) / Alignment * Alignment;
        }
    }

    private static void Value(Stream stream, object value)
    {
        switch (value)
        {
            case string text:
                Number(stream, GgufHeader.TextType);
                Text(stream, text);
                break;
            case bool flag:
                Number(stream, GgufHeader.BoolType);
                stream.WriteByte(flag ? (byte)1 : (byte)0);
                break;
            case float single:
                Number(stream, GgufHeader.Float32Type);
                Number(stream, BitConverter.SingleToUInt32Bits(single));
                break;
            case long and >= 0 and <= uint.MaxValue:
                Number(stream, GgufHeader.UInt32Type);
                Number(stream, (uint)(long)value);
                break;
            case long whole:
                Number(stream, GgufHeader.Int64Type);
                Number(stream, (ulong)whole);
                break;
            case string[] texts:
                List(stream, GgufHeader.TextType, texts, Text);
                break;
            case float[] singles:
                List(stream, GgufHeader.Float32Type, singles, (to, single) => Number(to, BitConverter.SingleToUInt32Bits(single)));
                break;
            case int[] numbers:
                List(stream, GgufHeader.Int32Type, numbers, (to, number) => Number(to, (uint)number));
                break;
            default:
                throw new ArgumentException($"a value of {value.GetType().Name} is not written", nameof(value));
        }
    }

    private static void List<T>(Stream stream, uint type, T[] items, Action<Stream, T> write)
    {
        Number(stream, GgufHeader.ArrayType);
        Number(stream, type);
        Number(stream, (ulong)items.Length);
        foreach (var item in items)
        {
            write(stream, item);
        }
    }

    private static void Text(Stream stream, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Number(stream, (ulong)bytes.Length);
        stream.Write(bytes);
    }

    private static void Number(Stream stream, uint number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, number);
        stream.Write(bytes);
    }

    private static void Number(Stream stream, ulong number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
        stream.Write(bytes);
    }

    private static void Pad(Stream stream, ref long at)
    {
        Span<byte> zeros = stackalloc byte[Alignment];
        zeros.Clear();
        var missing = (int)((Alignment - (at % Alignment)) % Alignment);
        stream.Write(zeros[..missing]);
        at += missing;
    }
}
