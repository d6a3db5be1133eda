using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>The matrix of a linear layer in whatever form it is stored; a product brings it to the compute type.</summary>
public abstract class LinearWeight : IDisposable
{
    /// <summary>Rows: width of the output.</summary>
    public abstract long OutputSize { get; }

    /// <summary>Columns: width of the input.</summary>
    public abstract long InputSize { get; }

    /// <summary>Floating-point type of the stored weight, or of what it was before it was quantised.</summary>
    public abstract DType StorageType { get; }

    /// <summary>The weight as a trainable parameter; null where its form cannot be trained.</summary>
    public abstract Parameter? Parameter { get; }

    /// <summary>The matrix for the forward product.</summary>
    /// <param name="computeType">Type of the product.</param>
    /// <returns>[out, in]; the stored tensor itself when it has that type, else a copy owned by the current scope.</returns>
    public abstract Tensor Materialize(DType computeType);

    /// <summary>The matrix for the product of the backward pass.</summary>
    /// <param name="computeType">Type of the product.</param>
    /// <returns>As <see cref="Materialize"/>.</returns>
    /// <remarks>bitsandbytes 0.50 rounds a 4-bit weight to the type it was quantised from before this product, not before the forward's.</remarks>
    public virtual Tensor MaterializeForBackward(DType computeType) => Materialize(computeType);

    /// <summary>The matrix for a forward product that reads it piece by piece, in Float32.</summary>
    /// <param name="computeType">Type of the activations; 4-bit weights are rounded to it, as in <see cref="Materialize"/>.</param>
    /// <returns>The stored form, which must not outlive this weight; null when it cannot be read so.</returns>
    internal abstract StoredMatrix? ForwardPieces(DType computeType);

    /// <summary>The same for the product of the backward pass; see <see cref="MaterializeForBackward"/>.</summary>
    /// <returns>As <see cref="ForwardPieces"/>.</returns>
    internal virtual StoredMatrix? BackwardPieces() => ForwardPieces(DType.Float32);

    /// <summary>Releases the stored form.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases the stored form.</summary>
    /// <param name="disposing">True when called by <see cref="Dispose()"/>.</param>
    protected abstract void Dispose(bool disposing);
}

/// <summary>A matrix stored in a floating-point type.</summary>
public sealed class DenseWeight : LinearWeight
{
    private readonly Parameter _parameter;

    /// <summary>Wraps a parameter.</summary>
    /// <param name="parameter">[out, in]; disposed by whoever registered it.</param>
    public DenseWeight(Parameter parameter) => _parameter = parameter;

    /// <inheritdoc/>
    public override long OutputSize => _parameter.Value.Size(0);

    /// <inheritdoc/>
    public override long InputSize => _parameter.Value.Size(1);

    /// <inheritdoc/>
    public override DType StorageType => _parameter.Value.DType;

    /// <inheritdoc/>
    public override Parameter Parameter => _parameter;

    /// <inheritdoc/>
    public override Tensor Materialize(DType computeType) => _parameter.Value.To(computeType);

    /// <inheritdoc/>
    internal override StoredMatrix? ForwardPieces(DType computeType) => StoredMatrix.Of(_parameter.Value);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // The module that registered the parameter disposes it: an embedding and a tied head share one.
    }
}
