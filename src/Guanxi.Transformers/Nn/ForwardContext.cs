using Guanxi.Torch;

namespace Guanxi.Transformers.Nn;

/// <summary>What a forward pass needs to know beside its input.</summary>
/// <param name="ComputeType">Type of the activations and of the matrix products.</param>
/// <param name="Dropout">Where the dropout masks come from; null switches dropout off (evaluation).</param>
public sealed record ForwardContext(DType ComputeType, DropoutKey? Dropout)
{
    /// <summary>Evaluation in fp32.</summary>
    public static ForwardContext Evaluate32 { get; } = new(DType.Float32, null);

    /// <summary>Size of the noise on embeddings in training (NEFTune, arXiv 2310.05914); 0 for none.</summary>
    /// <value>0.</value>
    public double EmbeddingNoise { get; init; }

    /// <summary>Whether a product is recorded for its gradients alone: its output may be zeros, for nobody looks at it.</summary>
    /// <value>False.</value>
    public bool OnlyGradients { get; init; }

    /// <summary>Whether the pass belongs to training, also where a part of it drops nothing.</summary>
    /// <value>Whether there was a <see cref="Dropout"/> at first.</value>
    public bool IsTraining { get; init; } = Dropout is not null;
}
