using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>Root-mean-square normalisation of the last dimension (Zhang and Sennrich 2019), in Hugging Face's order of rounding.</summary>
public sealed class RmsNorm : Module
{
    private readonly Parameter _weight;
    private readonly double _epsilon;

    /// <summary>Makes the layer.</summary>
    /// <param name="weight">[C].</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public RmsNorm(Parameter weight, double epsilon)
    {
        _weight = Register("weight", weight);
        _epsilon = epsilon;
    }

    /// <summary>Normalises rows.</summary>
    /// <param name="x">[N, C].</param>
    /// <returns>[N, C], of the type of <paramref name="x"/>.</returns>
    public Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        return Functional.RmsNorm(x, _weight.Value.To(x.DType), _epsilon);
    }
}
