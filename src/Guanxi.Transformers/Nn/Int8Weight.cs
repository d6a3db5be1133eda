using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>A matrix in 8 bits with one scale a row (Dettmers et al. 2022, LLM.int8(), arXiv 2208.07339); it does not train.</summary>
/// <remarks>
/// Weights are those of bitsandbytes to the bit. Its product is not imitated: that one quantises the input too, except for columns with
/// outliers, which costs precision and pays on GPUs alone.
/// </remarks>
public sealed class Int8Weight : LinearWeight
{
    // Far below the least magnitude of half precision: added to the scale of a row of zeros it keeps the division finite.
    private const double Tiny = 1e-30;

    /// <summary>Takes the parts over; they leave their scope.</summary>
    /// <param name="values">Int8 [out, in].</param>
    /// <param name="rowMaxima">Float32 [out]: the largest magnitude of each row.</param>
    public Int8Weight(Tensor values, Tensor rowMaxima)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(rowMaxima);
        Values = TensorScope.Detach(values);
        RowMaxima = TensorScope.Detach(rowMaxima);
    }

    /// <summary>Int8 [out, in].</summary>
    public Tensor Values { get; }

    /// <summary>Float32 [out]; <c>SCB</c> in a checkpoint.</summary>
    public Tensor RowMaxima { get; }

    /// <inheritdoc/>
    public override long OutputSize => Values.Size(0);

    /// <inheritdoc/>
    public override long InputSize => Values.Size(1);

    /// <inheritdoc/>
    /// <remarks>bitsandbytes quantises half precision to 8 bits, and nothing else.</remarks>
    public override DType StorageType => DType.Float16;

    /// <inheritdoc/>
    public override Parameter? Parameter => null;

    /// <summary>
    /// Quantises a matrix: rounded to half precision, then every row to -127..127 of its largest magnitude, halves to even.
    /// </summary>
    /// <param name="source">[out, in], of a floating-point type.</param>
    /// <returns>The weight, owned by the caller.</returns>
    /// <exception cref="TorchException">An element is infinite in half precision, or not a number.</exception>
    public static Int8Weight Quantize(Tensor source)
    {
        ArgumentNullException.ThrowIfNull(source);
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var half = source.To(DType.Float16).To(DType.Float32);
        var maxima = half.Abs().Max(1, keepDimension: false);
        if (!double.IsFinite(maxima.Sum().Item()))
        {
            throw new TorchException($"an element of a {source} is infinite in half precision or not a number: it cannot be quantised");
        }

        var factors = Tensor.Full(maxima.Shape, sbyte.MaxValue, DType.Float32, maxima.Device) / (maxima + Tiny);
        return new Int8Weight((half * factors.Unsqueeze(1)).Round().To(DType.Int8), maxima);
    }

    /// <inheritdoc/>
    public override Tensor Materialize(DType computeType)
    {
        using var scope = TensorScope.Enter();
        var scales = RowMaxima * (1.0 / sbyte.MaxValue);
        return scope.Keep((Values.To(DType.Float32) * scales.Unsqueeze(1)).To(computeType));
    }

    /// <inheritdoc/>
    internal override StoredMatrix? ForwardPieces(DType computeType) => StoredMatrix.Of(Values, RowMaxima);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Values.Dispose();
            RowMaxima.Dispose();
        }
    }
}
