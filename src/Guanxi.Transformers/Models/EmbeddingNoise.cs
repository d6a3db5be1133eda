using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Models;

/// <summary>Uniform noise on embeddings in training.</summary>
/// <remarks>
/// NEFTune (Jain et al. 2023, arXiv 2310.05914): between minus and plus alpha / sqrt(T C), T the tokens of the row. transformers
/// takes for T the longest row of the micro-batch, to which it pads the others; here there is no padding, as in the paper.
/// </remarks>
internal static class EmbeddingNoise
{
    /// <summary>Adds the noise that the context asks for.</summary>
    /// <param name="x">[N, C].</param>
    /// <param name="layout">The rows.</param>
    /// <param name="context">Size and key of the noise; without either there is none.</param>
    /// <returns>[N, C]; x itself where there is no noise.</returns>
    public static Tensor Add(Tensor x, SequenceLayout layout, ForwardContext context)
    {
        if (context.Dropout is not { } key || context.EmbeddingNoise <= 0)
        {
            return x;
        }

        using var scope = TensorScope.Enter();
        var width = x.Size(1);
        var magnitudes = new float[x.Size(0)];
        for (var row = 0; row < layout.RowCount; row++)
        {
            var length = layout.RowLength(row);
            magnitudes.AsSpan(layout.RowStarts[row], length).Fill((float)(context.EmbeddingNoise / Math.Sqrt((double)length * width)));
        }

        var sizes = Tensor.From<float>(magnitudes, magnitudes.Length).ToDevice(x.Device);
        return scope.Keep(x + Functional.UniformNoise(sizes, width, key, DropoutSites.EmbeddingNoise).To(x.DType));
    }
}
