using Guanxi.Torch;
using Guanxi.Transformers.Peft;

namespace Guanxi.Transformers.Nn;

/// <summary>y = x W^T + b, with a stored weight of any form and, when one is attached, a low-rank adapter beside it.</summary>
public sealed class Linear : Module
{
    /// <summary>Makes a layer of a weight.</summary>
    /// <param name="weight">[out, in].</param>
    /// <param name="bias">[out], or null.</param>
    public Linear(LinearWeight weight, Parameter? bias)
    {
        Weight = weight;
        Bias = bias;
        if (weight.Parameter is { } parameter)
        {
            Register("weight", parameter);
        }

        if (bias is not null)
        {
            Register("bias", bias);
        }
    }

    /// <summary>The matrix.</summary>
    public LinearWeight Weight { get; }

    /// <summary>The bias, or null.</summary>
    public Parameter? Bias { get; }

    /// <summary>The adapter, or null.</summary>
    public LoraAdapter? Adapter { get; private set; }

    /// <summary>Puts an adapter beside the weight.</summary>
    /// <param name="adapter">The adapter; disposed with this layer.</param>
    /// <exception cref="InvalidOperationException">There is one already.</exception>
    public void Attach(LoraAdapter adapter)
    {
        if (Adapter is not null)
        {
            throw new InvalidOperationException("the layer has an adapter already");
        }

        Adapter = adapter;
    }

    /// <summary>Applies the layer.</summary>
    /// <param name="x">[N, in], of the compute type.</param>
    /// <param name="context">Compute type and dropout.</param>
    /// <returns>[N, out] of the compute type, owned by the current scope.</returns>
    public Tensor Forward(Tensor x, ForwardContext context) => ForwardAll(x, [this], context)[0];

    /// <summary>Applies layers that share their input, which costs less than applying them one by one.</summary>
    /// <param name="x">[N, in], of the compute type.</param>
    /// <param name="layers">At least one.</param>
    /// <param name="context">Compute type and dropout.</param>
    /// <returns>For every layer [N, out] of the compute type, owned by the current scope.</returns>
    public static Tensor[] ForwardAll(Tensor x, IReadOnlyList<Linear> layers, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(context);
        return layers.Any(layer => layer.Adapter is { Magnitude: not null })
            ? [.. layers.Select(layer => layer.Adapter?.Magnitude?.Forward(x, layer, context) ?? LinearProducts.Apply(x, [layer], context)[0])]
            : LinearProducts.Apply(x, layers, context);
    }

    /// <summary>Whether the weight learns from what is computed now.</summary>
    internal bool Trains => Weight.Parameter is { IsTrainable: true } && Autograd.IsRecording;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
        {
            Weight.Dispose();
            Adapter?.Dispose();
        }
    }
}
