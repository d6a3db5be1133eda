using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Peft;

/// <summary>Low-rank adapter of one linear layer (Hu et al. 2021, arXiv 2106.09685): scale x B A x, in Float32 masters.</summary>
public sealed class LoraAdapter : IDisposable
{
    /// <summary>Makes an adapter of its matrices.</summary>
    /// <param name="down">A: [r, in], Float32.</param>
    /// <param name="up">B: [out, r], Float32.</param>
    /// <param name="scale">Factor of the product: alpha / r, or alpha / sqrt(r).</param>
    /// <param name="dropoutProbability">Share of the input that is dropped in training.</param>
    /// <param name="site">Number of the layer among all with an adapter; tells its dropout mask from theirs.</param>
    public LoraAdapter(Parameter down, Parameter up, double scale, double dropoutProbability, int site)
    {
        Down = down;
        Up = up;
        Scale = scale;
        DropoutProbability = dropoutProbability;
        Site = site;
    }

    /// <summary>A: [r, in].</summary>
    public Parameter Down { get; }

    /// <summary>B: [out, r].</summary>
    public Parameter Up { get; }

    /// <summary>Factor of the product.</summary>
    public double Scale { get; }

    /// <summary>Share of the input that is dropped in training.</summary>
    public double DropoutProbability { get; }

    /// <summary>Number of the layer among all with an adapter.</summary>
    public int Site { get; }

    /// <summary>scale x B A: what merging adds to the weight.</summary>
    /// <returns>[out, in], Float32, owned by the current scope.</returns>
    public Tensor Delta()
    {
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        return scope.Keep(Up.Value.MatrixProduct(Down.Value) * Scale);
    }

    /// <summary>Releases both matrices.</summary>
    public void Dispose()
    {
        Down.Dispose();
        Up.Dispose();
    }
}
