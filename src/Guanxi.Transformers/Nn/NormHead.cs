using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>The output head of Baichuan2: each row of its matrix counts with length 1.</summary>
/// <remarks>
/// The products are divided by the rows' lengths, which is the same as dividing the rows and leaves the matrix as it is stored.
/// </remarks>
public sealed class NormHead : Module
{
    // Keeps a row of zeros from being divided by zero; the square of what the reference takes for the least length.
    private const double LeastSquare = 1e-24;

    private const long RowsAtOnce = 8192;

    private readonly Parameter _weight;
    private readonly Linear _products;
    private Tensor? _frozen;
    private Tensor? _frozenOf;

    /// <summary>Makes the head.</summary>
    /// <param name="weight">[V, C].</param>
    public NormHead(Parameter weight)
    {
        _weight = Register("weight", weight);
        _products = new Linear(new DenseWeight(weight), null);
    }

    /// <summary>Gives logits.</summary>
    /// <param name="x">[N, C], of the compute type.</param>
    /// <param name="context">Compute type.</param>
    /// <returns>[N, V] of the compute type, owned by the current scope.</returns>
    public Tensor Forward(Tensor x, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = TensorScope.Enter();
        return scope.Keep(_products.Forward(x, context) * InverseLengths().To(context.ComputeType));
    }

    /// <summary>The rows divided by their lengths: the matrix of a plain head that gives the same logits.</summary>
    internal static Tensor Normalized(Tensor weight)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(weight.To(DType.Float32) * Compute(weight).Reshape(weight.Size(0), 1)); // [V, C]
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _frozen?.Dispose();
    }

    /// <summary>[V] in Float32; kept from call to call while the matrix does not train.</summary>
    private Tensor InverseLengths()
    {
        var weight = _weight.Value;
        if (weight.RequiresGrad)
        {
            return Compute(weight);
        }

        if (_frozenOf != weight)
        {
            _frozen?.Dispose();
            using var scope = TensorScope.Enter();
            (_frozen, _frozenOf) = (TensorScope.Detach(Compute(weight)), weight);
        }

        return _frozen!;
    }

    // Some rows at a time: a copy of the whole matrix in Float32 could be the largest thing in memory.
    private static Tensor Compute(Tensor weight)
    {
        var parts = new List<Tensor>();
        for (long row = 0; row < weight.Size(0); row += RowsAtOnce)
        {
            using var scope = TensorScope.Enter();
            var wide = weight.Narrow(0, row, Math.Min(RowsAtOnce, weight.Size(0) - row)).To(DType.Float32);
            parts.Add(scope.Keep(((wide * wide).Sum(-1, keepDimension: false) + LeastSquare).Rsqrt()));
        }

        return Tensor.Cat([.. parts], 0);
    }
}
