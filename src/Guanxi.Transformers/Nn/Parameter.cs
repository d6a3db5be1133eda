using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>A weight of a model. Its tensor lives as long as the parameter, outside every scope.</summary>
public sealed class Parameter : IDisposable
{
    private Tensor _value;

    /// <summary>Takes a tensor over.</summary>
    /// <param name="value">The weight; leaves its scope.</param>
    public Parameter(Tensor value) => _value = TensorScope.Detach(value);

    /// <summary>The weight. Setting it disposes the former one and keeps whether it trains.</summary>
    public Tensor Value
    {
        get => _value;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            var trains = IsTrainable;
            _value.Dispose();
            _value = TensorScope.Detach(value);
            IsTrainable = trains;
        }
    }

    /// <summary>Whether gradients are computed for it.</summary>
    /// <value>False until a training mode decides.</value>
    public bool IsTrainable
    {
        get => _value.RequiresGrad;
        set
        {
            // libtorch refuses even to be told "no" for types that cannot have a gradient.
            if (value || _value.DType.IsFloatingPoint())
            {
                _value.RequiresGrad = value;
            }
        }
    }

    /// <summary>Releases the tensor.</summary>
    public void Dispose() => _value.Dispose();
}
