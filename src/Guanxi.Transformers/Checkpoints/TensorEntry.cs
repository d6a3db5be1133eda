using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Where one tensor lies in a checkpoint file.</summary>
/// <param name="Name">Name in the checkpoint.</param>
/// <param name="DType">Element type as stored.</param>
/// <param name="Shape">Size of each dimension, row-major; empty for a scalar.</param>
/// <param name="Offset">Bytes from the beginning of the file to the first element.</param>
/// <param name="ByteLength">Bytes of all elements, each counted once.</param>
public sealed record TensorEntry(string Name, DType DType, long[] Shape, long Offset, long ByteLength)
{
    /// <summary>Elements from one index of a dimension to the next, for a view that does not lie in order; else null.</summary>
    /// <value>Null: row-major without gaps.</value>
    public long[]? Strides { get; init; }

    /// <summary>Whether the file holds something that the elements are made of: blocks, or parts in another order.</summary>
    /// <value>False: it holds the elements.</value>
    public bool IsEncoded { get; init; }

    /// <summary>Whether the bytes of the file are the elements, row-major without gaps.</summary>
    public bool IsInOrder => Strides is null && !IsEncoded;

    /// <summary>Number of elements.</summary>
    public long ElementCount => ByteLength / DType.SizeInBytes();

    /// <summary>Whether the elements may be used where they lie; the reference library aligns them, other writers need not.</summary>
    public bool IsAligned => Offset % DType.SizeInBytes() == 0;
}
