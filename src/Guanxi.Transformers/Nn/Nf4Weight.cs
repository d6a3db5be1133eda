using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>A matrix in 4 bits (Dettmers et al. 2023, arXiv 2305.14314); it does not train.</summary>
public sealed class Nf4Weight : LinearWeight
{
    private readonly Nf4Tensor _quantized;

    /// <summary>Wraps a quantised matrix.</summary>
    /// <param name="quantized">The matrix; disposed with this weight.</param>
    public Nf4Weight(Nf4Tensor quantized) => _quantized = quantized;

    /// <summary>The quantised matrix.</summary>
    public Nf4Tensor Quantized => _quantized;

    /// <inheritdoc/>
    public override long OutputSize => _quantized.Shape[0];

    /// <inheritdoc/>
    public override long InputSize => _quantized.Shape[1];

    /// <inheritdoc/>
    public override DType StorageType => _quantized.OriginalType;

    /// <inheritdoc/>
    public override Parameter? Parameter => null;

    /// <inheritdoc/>
    public override Tensor Materialize(DType computeType) => _quantized.Dequantize(computeType);

    /// <inheritdoc/>
    public override Tensor MaterializeForBackward(DType computeType) => _quantized.OriginalType == DType.Float32
        ? _quantized.Dequantize(computeType)
        : _quantized.Dequantize(_quantized.OriginalType).To(computeType);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _quantized.Dispose();
        }
    }
}
