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

    /// <summary>What makes it a DoRA adapter: the magnitudes of the rows; null for plain LoRA.</summary>
    /// <value>Null.</value>
    public DoraMagnitude? Magnitude { get; init; }

    /// <summary>Releases the matrices and the magnitudes.</summary>
    public void Dispose()
    {
        Down.Dispose();
        Up.Dispose();
        Magnitude?.Dispose();
    }
}
