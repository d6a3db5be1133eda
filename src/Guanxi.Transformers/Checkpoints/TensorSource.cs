using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>A tensor to be written, whose bytes are asked for only when their turn comes.</summary>
public sealed record TensorSource
{
    /// <summary>Describes a tensor.</summary>
    /// <param name="name">Name in the checkpoint.</param>
    /// <param name="dtype">Element type of the bytes.</param>
    /// <param name="shape">Size of each dimension, row-major; empty for a scalar.</param>
    /// <param name="writeTo">Writes exactly <see cref="ByteLength"/> bytes, little-endian; called once.</param>
    /// <exception cref="ArgumentException">The name cannot stand in a file, or the shape is impossible.</exception>
    public TensorSource(string name, DType dtype, IEnumerable<long> shape, Action<Stream> writeTo)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(writeTo);
        if (name == SafetensorsHeader.MetadataKey)
        {
            throw new ArgumentException($"'{name}' is the name of the metadata", nameof(name));
        }

        Name = name;
        DType = dtype;
        Shape = [.. shape];
        WriteTo = writeTo;
        if (Shape.Any(size => size < 0) || !SafetensorsHeader.TryByteLength(Shape, dtype, out var byteLength))
        {
            throw new ArgumentException($"tensor '{name}' has the impossible shape [{string.Join(", ", Shape)}]", nameof(shape));
        }

        ByteLength = byteLength;
    }

    /// <summary>Name in the checkpoint.</summary>
    public string Name { get; }

    /// <summary>Element type of the bytes.</summary>
    public DType DType { get; }

    /// <summary>Size of each dimension, row-major.</summary>
    public long[] Shape { get; }

    /// <summary>Bytes of all elements.</summary>
    public long ByteLength { get; }

    /// <summary>Writes the bytes.</summary>
    public Action<Stream> WriteTo { get; }

    /// <summary>A tensor whose bytes are in memory already.</summary>
    /// <param name="name">Name in the checkpoint.</param>
    /// <param name="dtype">Element type of the bytes.</param>
    /// <param name="shape">Size of each dimension, row-major.</param>
    /// <param name="bytes">All elements, little-endian.</param>
    /// <returns>The source.</returns>
    /// <exception cref="ArgumentException">The bytes are not as many as type and shape say.</exception>
    public static TensorSource FromBytes(string name, DType dtype, IEnumerable<long> shape, ReadOnlyMemory<byte> bytes)
    {
        var source = new TensorSource(name, dtype, shape, stream => stream.Write(bytes.Span));
        return source.ByteLength == bytes.Length
            ? source
            : throw new ArgumentException($"tensor '{name}' has {source.ByteLength} bytes, not {bytes.Length}", nameof(bytes));
    }

    /// <summary>A tensor of libtorch.</summary>
    /// <param name="name">Name in the checkpoint.</param>
    /// <param name="dtype">Element type to write; elements are converted a part at a time.</param>
    /// <param name="tensor">The tensor, on any device; it must live until it is written.</param>
    /// <returns>The source.</returns>
    public static TensorSource FromTensor(string name, DType dtype, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return Computed(name, dtype, tensor.Shape, () => tensor);
    }

    /// <summary>A tensor that is computed when its turn comes, and released after it.</summary>
    /// <param name="name">Name in the checkpoint.</param>
    /// <param name="dtype">Element type to write.</param>
    /// <param name="shape">Shape of what is computed.</param>
    /// <param name="compute">Gives the tensor; it runs in a scope of its own, without recording.</param>
    /// <returns>The source.</returns>
    public static TensorSource Computed(string name, DType dtype, ReadOnlySpan<long> shape, Func<Tensor> compute)
    {
        ArgumentNullException.ThrowIfNull(compute);
        return new TensorSource(name, dtype, shape.ToArray(), stream =>
        {
            using var mode = Autograd.NoGrad();
            using var scope = TensorScope.Enter();
            TensorBytes.Write(compute(), dtype, stream);
        });
    }
}
