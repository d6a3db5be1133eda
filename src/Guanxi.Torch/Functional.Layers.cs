using Guanxi.Torch.Kernels;

namespace Guanxi.Torch;

/// <content>The layers' public functions.</content>
public static partial class Functional
{
    /// <summary>x / rms(x), in Float32, rounded to the type of x, times a weight.</summary>
    /// <param name="x">[N, C].</param>
    /// <param name="weight">[C], of the type of x.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <returns>[N, C].</returns>
    /// <exception cref="ArgumentException">The weight does not fit, on the CPU.</exception>
    /// <remarks>Zhang and Sennrich 2019 (arXiv 1910.07467), rounding as in Hugging Face's LLaMA.</remarks>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double epsilon)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        return x.Device.IsCpu ? RmsNormFused(x, weight, (float)epsilon) : RmsNormComposed(x, weight, epsilon);
    }

    /// <summary>Rows brought to mean 0 and variance 1, in Float32, times a weight, plus a bias.</summary>
    /// <param name="x">[N, C].</param>
    /// <param name="weight">[C], of the type of x.</param>
    /// <param name="bias">[C], of the type of x.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <returns>[N, C].</returns>
    /// <exception cref="ArgumentException">Weight or bias do not fit, on the CPU.</exception>
    /// <remarks>Ba, Kiros and Hinton 2016 (arXiv 1607.06450).</remarks>
    public static Tensor LayerNorm(Tensor x, Tensor weight, Tensor bias, double epsilon)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(bias);
        return x.Device.IsCpu ? LayerNormFused(x, weight, bias, (float)epsilon) : LayerNormComposed(x, weight, bias, epsilon);
    }

    /// <summary>x times the normal distribution's share below x: GELU in its exact form.</summary>
    /// <param name="x">Any shape.</param>
    /// <returns>The shape of x.</returns>
    /// <remarks>Hendrycks and Gimpel 2016 (arXiv 1606.08415).</remarks>
    public static Tensor Gelu(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Device.IsCpu ? GeluFused(x) : x.Gelu();
    }

    /// <summary>silu(gate) x up.</summary>
    /// <param name="gate">[N, I].</param>
    /// <param name="up">[N, I], of the type of gate.</param>
    /// <returns>[N, I].</returns>
    /// <exception cref="ArgumentException">The two do not fit together, on the CPU.</exception>
    /// <remarks>Shazeer 2020 (arXiv 2002.05202).</remarks>
    public static Tensor SwiGlu(Tensor gate, Tensor up)
    {
        ArgumentNullException.ThrowIfNull(gate);
        ArgumentNullException.ThrowIfNull(up);
        return gate.Device.IsCpu ? SwiGluFused(gate, up) : SwiGluComposed(gate, up);
    }

    /// <summary>Rotates pairs (i, i + D/2) of every head by an angle that grows with the position.</summary>
    /// <param name="x">[N, H, D].</param>
    /// <param name="layout">Gives every token's position.</param>
    /// <param name="table">Cosines and sines, of all positions of the layout.</param>
    /// <returns>[N, H, D].</returns>
    /// <exception cref="ArgumentException">The three do not fit together.</exception>
    public static Tensor Rope(Tensor x, SequenceLayout layout, RopeTable table)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(table);
        if (layout.PositionCount > table.Positions)
        {
            throw new ArgumentException($"table: expected {layout.PositionCount} positions, found {table.Positions}", nameof(table));
        }

        using var scope = TensorScope.Enter();
        if (x.Device.IsCpu)
        {
            return scope.Keep(RopeFused(x, layout, table));
        }

        var positions = Tensor.From<long>(layout.Positions.Select(position => (long)position).ToArray(), layout.TokenCount).ToDevice(x.Device);
        return scope.Keep(RopeComposed(x, positions, table));
    }

    /// <summary>Drops elements and scales the rest by 1 / (1 - p); the mask depends on its key alone.</summary>
    /// <param name="x">Any shape.</param>
    /// <param name="probability">Share to drop, below 1.</param>
    /// <param name="key">Seed, step and micro-batch.</param>
    /// <param name="site">Place in the model.</param>
    /// <returns>The shape of x.</returns>
    public static Tensor Dropout(Tensor x, double probability, DropoutKey key, int site)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = TensorScope.Enter();
        var mask = new DropoutMask(key.Seed, key.Step, key.MicroBatch, site);
        return scope.Keep(Autograd.Record(
            DropoutFused(x, probability, mask), [x], [], (gradient, _) => [DropoutFused(gradient, probability, mask)]));
    }
}
