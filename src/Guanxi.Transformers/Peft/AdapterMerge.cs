using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Peft;

/// <summary>Adds adapters to the weights they stand beside: W + scale x B A, with DoRA its rows brought to their magnitudes.</summary>
/// <remarks>
/// The sum is made in single precision and stays dense also over a 4-bit weight: to quantise it again, as PEFT does, would give
/// every weight a new rounding error, as large as the adapter's own effect.
/// </remarks>
public static class AdapterMerge
{
    /// <summary>The weight of a layer with its adapter, when it has one.</summary>
    /// <param name="layer">The layer; it is not changed.</param>
    /// <param name="dtype">Type of the result; the sum is rounded to it once.</param>
    /// <returns>[out, in], owned by the current scope; the stored tensor itself where nothing is to be done.</returns>
    public static Tensor Weight(Linear layer, DType dtype)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        if (layer.Adapter is not { } adapter)
        {
            return scope.Keep(layer.Weight.Materialize(dtype));
        }

        var sum = layer.Weight.Materialize(DType.Float32).AddMatrixProduct(adapter.Up.Value, adapter.Down.Value, adapter.Scale);
        return scope.Keep((adapter.Magnitude?.Rescale(sum) ?? sum).To(dtype));
    }
}
