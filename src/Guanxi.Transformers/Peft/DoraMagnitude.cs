using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Peft;

/// <summary>
/// What DoRA (Liu et al. 2024, arXiv 2402.09353) adds to a low-rank adapter: the length of every row of the weight is learnt apart from
/// its direction, W' = m (W + scale B A) / |W + scale B A|, where the norms count as constants in the gradient (section 4.3 there).
/// </summary>
/// <remarks>
/// The norms are not taken of a merged matrix, which would have to be made in every pass: |w + s b A|^2 = |w|^2 + 2 s b A w + s^2 b A A^T b
/// needs products of rank r alone, and |w|^2 never changes. With dropout the frozen weight too sees the dropped input where it is
/// rescaled, as in PEFT.
/// </remarks>
public sealed class DoraMagnitude : IDisposable
{
    private const long RowsAtOnce = 256;

    private readonly Tensor _baseSquares;

    /// <summary>Puts magnitudes on a weight.</summary>
    /// <param name="magnitude">[out], Float32; disposed with this object.</param>
    /// <param name="weight">The frozen weight beside it.</param>
    public DoraMagnitude(Parameter magnitude, LinearWeight weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        Parameter = magnitude;
        _baseSquares = TensorScope.Detach(RowSquares(weight.Materialize(DType.Float32)));
    }

    /// <summary>The magnitudes: [out], Float32.</summary>
    public Parameter Parameter { get; }

    /// <summary>The magnitudes that training begins with: the norms of the weight's own rows.</summary>
    /// <param name="weight">The frozen weight.</param>
    /// <returns>The magnitudes, owned by the caller.</returns>
    public static DoraMagnitude Of(LinearWeight weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        return new DoraMagnitude(new Parameter(RowSquares(weight.Materialize(DType.Float32)).Sqrt()), weight);
    }

    /// <summary>Brings the rows of a merged matrix to their magnitudes.</summary>
    /// <param name="sum">W + scale B A: [out, in], Float32.</param>
    /// <returns>[out, in], owned by the current scope.</returns>
    public Tensor Rescale(Tensor sum)
    {
        ArgumentNullException.ThrowIfNull(sum);
        using var scope = TensorScope.Enter();
        return scope.Keep(sum * (Parameter.Value.Detach() / RowSquares(sum).Sqrt()).Unsqueeze(1));
    }

    /// <summary>Releases the magnitudes.</summary>
    public void Dispose()
    {
        Parameter.Dispose();
        _baseSquares.Dispose();
    }

    /// <summary>Applies a layer whose adapter this object belongs to.</summary>
    /// <returns>[N, out] of the compute type, owned by the current scope.</returns>
    internal Tensor Forward(Tensor x, Linear layer, ForwardContext context)
    {
        using var scope = TensorScope.Enter();
        var adapter = layer.Adapter!;
        var dropped = context.Dropout is { } key && adapter.DropoutProbability > 0
            ? Functional.Dropout(x, adapter.DropoutProbability, key, adapter.Site)
            : x;

        // The sum itself is part of the magnitudes' gradient.
        var undropped = context with { Dropout = null, OnlyGradients = false };
        var sum = LinearProducts.Apply(dropped, [layer], undropped)[0]; // [N, out]
        var scale = (Parameter.Value / Norms(layer)).To(sum.DType); // [out]
        var output = sum * scale;
        if (layer.Bias is { } bias)
        {
            // The bias stands in the sum, but magnitudes are none of its business.
            output = output + (bias.Value.To(sum.DType) * (-scale + 1));
        }

        return scope.Keep(dropped == x ? output : output + LinearProducts.Apply(x - dropped, [Bare(layer)], undropped)[0]);
    }

    // The weight alone. It is not disposed: the layer owns what is in it.
    private static Linear Bare(Linear layer) => new(layer.Weight, null);

    private static Tensor RowSquares(Tensor matrix)
    {
        using var scope = TensorScope.Enter();
        var parts = new List<Tensor>();
        for (long row = 0; row < matrix.Size(0); row += RowsAtOnce)
        {
            using var part = TensorScope.Enter();
            var rows = matrix.Narrow(0, row, Math.Min(RowsAtOnce, matrix.Size(0) - row));
            parts.Add(part.Keep((rows * rows).Sum(1, keepDimension: false)));
        }

        return scope.Keep(Tensor.Cat([.. parts], 0));
    }

    private Tensor Norms(Linear layer)
    {
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var adapter = layer.Adapter!;
        var (down, up) = (adapter.Down.Value, adapter.Up.Value);
        var mixed = LinearProducts.Apply(down, [Bare(layer)], ForwardContext.Evaluate32)[0]; // [r, out]
        var cross = (up * mixed.Transpose(0, 1)).Sum(1, keepDimension: false); // [out]
        var own = (up.MatrixProduct(down.MatrixProduct(down.Transpose(0, 1))) * up).Sum(1, keepDimension: false); // [out]
        return scope.Keep((_baseSquares + (cross * (2 * adapter.Scale)) + (own * (adapter.Scale * adapter.Scale))).Sqrt());
    }
}
