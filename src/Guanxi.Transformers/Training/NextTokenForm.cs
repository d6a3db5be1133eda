namespace Guanxi.Transformers.Training;

/// <summary>How rows of next tokens become one forward pass and one loss. What is saved changes neither the loss nor its gradients.</summary>
public sealed record NextTokenForm
{
    /// <summary>Share of the target spread over all tokens.</summary>
    /// <value>0.</value>
    public double LabelSmoothing { get; init; }

    /// <summary>Size of the noise on embeddings in training (NEFTune); 0 for none.</summary>
    /// <value>0.</value>
    public double EmbeddingNoise { get; init; }

    /// <summary>Whether what all rows of a micro-batch begin with is computed once.</summary>
    /// <value>True. With noise on the embeddings every row is computed alone, for each has its own noise.</value>
    public bool SharesPrefix { get; init; } = true;

    /// <summary>Whether head and last feed-forward part see only positions whose next token is learnt.</summary>
    /// <value>True.</value>
    public bool SupervisedOnly { get; init; } = true;

    /// <summary>Whether rows are filled up to the longest, as other programs must.</summary>
    /// <value>False.</value>
    public bool PadsRows { get; init; }
}
