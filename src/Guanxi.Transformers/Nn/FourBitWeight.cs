using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>A matrix in 4 bits (Dettmers et al. 2023, arXiv 2305.14314); it does not train.</summary>
public sealed class FourBitWeight : LinearWeight
{
    /// <summary>Weights that share a scale.</summary>
    internal const int BlockSize = 64;

    /// <summary>Scales that share one of their own, where they are quantised too.</summary>
    internal const int NestedBlockSize = 256;

    /// <summary>Bytes of a weight then: half a byte, and its part of a byte of scale and of a Float32 for those.</summary>
    internal const double BytesOfWeight = 0.5 + ((1 + ((double)sizeof(float) / NestedBlockSize)) / BlockSize);

    private readonly FourBitTensor _quantized;
    private readonly DType? _authorType;

    /// <summary>Wraps a quantised matrix.</summary>
    /// <param name="quantized">The matrix; disposed with this weight.</param>
    /// <param name="authorType">
    /// Type that the author of the checkpoint computed in: bitsandbytes rounds to it what it dequantises, and only with the same
    /// rounding are the weights the same in a wider type. Null: no such rounding.
    /// </param>
    public FourBitWeight(FourBitTensor quantized, DType? authorType) => (_quantized, _authorType) = (quantized, authorType);

    /// <summary>The quantised matrix.</summary>
    public FourBitTensor Quantized => _quantized;

    /// <inheritdoc/>
    public override long OutputSize => _quantized.Shape[0];

    /// <inheritdoc/>
    public override long InputSize => _quantized.Shape[1];

    /// <inheritdoc/>
    public override DType StorageType => _quantized.OriginalType;

    /// <inheritdoc/>
    public override Parameter? Parameter => null;

    /// <inheritdoc/>
    public override Tensor Materialize(DType computeType) => Rounded(_authorType ?? computeType, computeType);

    /// <inheritdoc/>
    public override Tensor MaterializeForBackward(DType computeType) => StorageType == DType.Float32
        ? Materialize(computeType)
        : Rounded(StorageType, computeType);

    /// <inheritdoc/>
    internal override StoredMatrix? ForwardPieces(DType computeType) => StoredMatrix.Of(_quantized, _authorType ?? computeType);

    /// <inheritdoc/>
    internal override StoredMatrix? BackwardPieces() =>
        StorageType == DType.Float32 ? ForwardPieces(DType.Float32) : StoredMatrix.Of(_quantized, StorageType);

    // In float32 nothing is rounded; the kernel then gives the compute type at once.
    private Tensor Rounded(DType first, DType computeType)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_quantized.Dequantize(first == DType.Float32 ? computeType : first).To(computeType));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _quantized.Dispose();
        }
    }
}
