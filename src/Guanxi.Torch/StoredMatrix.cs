using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Products;
using Guanxi.Torch.Kernels.Quantisation;

namespace Guanxi.Torch;

/// <summary>A matrix that does not train, in the form it is stored in: products read it piece by piece as Float32. It does not own the memory.</summary>
public sealed unsafe class StoredMatrix
{
    private StoredMatrix(MatrixSource source) => Source = source;

    /// <summary>Rows.</summary>
    public long Rows => Source.Rows;

    /// <summary>Columns.</summary>
    public long Columns => Source.Columns;

    internal MatrixSource Source { get; }

    /// <summary>A matrix of floating-point numbers.</summary>
    /// <param name="matrix">[rows, columns], Float32, BFloat16 or Float16, contiguous, on the CPU; must outlive the object.</param>
    /// <returns>The matrix, or null when it is not such a tensor.</returns>
    public static StoredMatrix? Of(Tensor matrix)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (matrix.Rank != 2 || !matrix.IsContiguous || !matrix.Device.IsCpu)
        {
            return null;
        }

        var (data, rows, columns) = ((nint)matrix.DataPointer(), matrix.Size(0), matrix.Size(1));
        return matrix.DType switch
        {
            DType.Float32 => new(new DenseSource<float>(matrix, (float*)data, rows, columns)),
            DType.BFloat16 => new(new DenseSource<BFloat16>(matrix, (BFloat16*)data, rows, columns)),
            DType.Float16 => new(new DenseSource<Half>(matrix, (Half*)data, rows, columns)),
            _ => null,
        };
    }

    /// <summary>A matrix in 4 bits.</summary>
    /// <param name="matrix">[rows, columns], on the CPU; must outlive the object. Rows of whole blocks of 64 are read many times faster.</param>
    /// <param name="rounding">Type that its elements are rounded to; Float32 for no rounding.</param>
    /// <returns>The matrix, or null when it is not such a tensor.</returns>
    public static StoredMatrix? Of(FourBitTensor matrix, DType rounding)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (matrix.Shape.Length != 2 || !matrix.Packed.Device.IsCpu)
        {
            return null;
        }

        return rounding switch
        {
            DType.Float32 => new(FourBit<float>(matrix)),
            DType.BFloat16 => new(FourBit<BFloat16>(matrix)),
            DType.Float16 => new(FourBit<Half>(matrix)),
            _ => null,
        };
    }

    /// <summary>A matrix of 8-bit integers, 127 of them the largest magnitude of their row.</summary>
    /// <param name="values">Int8 [rows, columns], contiguous, on the CPU; must outlive the object.</param>
    /// <param name="maxima">Float32 [rows], contiguous, on the CPU; must outlive the object.</param>
    /// <returns>The matrix, or null when these are not such tensors.</returns>
    public static StoredMatrix? Of(Tensor values, Tensor maxima)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(maxima);
        return values is { Rank: 2, IsContiguous: true, Device.IsCpu: true, DType: DType.Int8 }
            && maxima is { Rank: 1, IsContiguous: true, Device.IsCpu: true, DType: DType.Float32 } && maxima.Size(0) == values.Size(0)
            ? new(new EightBitSource((values, maxima), (sbyte*)values.DataPointer(), (float*)maxima.DataPointer(), values.Size(0), values.Size(1)))
            : null;
    }

    private static MatrixSource FourBit<T>(FourBitTensor matrix)
        where T : unmanaged
    {
        var (weights, rows, columns) = (matrix.Weights(), matrix.Shape[0], matrix.Shape[1]);
        return columns % GroupRuns.GroupSize == 0
            ? new FourBitSource<T>(matrix, weights, rows, columns)
            : new RaggedFourBitSource<T>(matrix, weights, rows, columns);
    }
}
