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
    /// <param name="matrix">[rows, columns], on the CPU, rows of whole blocks of 64; must outlive the object.</param>
    /// <param name="rounding">Type that its elements are rounded to; Float32 for no rounding.</param>
    /// <returns>The matrix, or null when it is not such a tensor.</returns>
    public static StoredMatrix? Of(FourBitTensor matrix, DType rounding)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        if (matrix.Shape.Length != 2 || matrix.Shape[1] % GroupRuns.GroupSize != 0 || !matrix.Packed.Device.IsCpu)
        {
            return null;
        }

        var (weights, rows, columns) = (matrix.Weights(), matrix.Shape[0], matrix.Shape[1]);
        return rounding switch
        {
            DType.Float32 => new(new FourBitSource<float>(matrix, weights, rows, columns)),
            DType.BFloat16 => new(new FourBitSource<BFloat16>(matrix, weights, rows, columns)),
            DType.Float16 => new(new FourBitSource<Half>(matrix, weights, rows, columns)),
            _ => null,
        };
    }
}
