using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>Normalisation of the last dimension to mean 0 and variance 1, with weight and bias (Ba, Kiros and Hinton 2016).</summary>
public sealed class LayerNorm : Module
{
    private readonly Parameter _weight;
    private readonly Parameter _bias;
    private readonly double _epsilon;

    /// <summary>Makes the layer.</summary>
    /// <param name="weight">[C].</param>
    /// <param name="bias">[C].</param>
    /// <param name="epsilon">Added to the variance.</param>
    public LayerNorm(Parameter weight, Parameter bias, double epsilon)
    {
        _weight = Register("weight", weight);
        _bias = Register("bias", bias);
        _epsilon = epsilon;
    }

    /// <summary>Normalises rows.</summary>
    /// <param name="x">[N, C].</param>
    /// <returns>[N, C], of the type of <paramref name="x"/>.</returns>
    public Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return Functional.LayerNorm(x, _weight.Value.To(x.DType), _bias.Value.To(x.DType), _epsilon);
    }
}
