namespace Guanxi.Transformers.Nn;

/// <summary>
/// Numbers of the places that draw masks and random words: no two of a model may be equal, and none may change, or runs that are resumed
/// would draw others. Adapters count theirs from 0; hidden names of relations have the number after <see cref="HiddenTokens"/>.
/// </summary>
internal static class DropoutSites
{
    /// <summary>The sum of an encoder's embeddings; its layers count up from here, heads down.</summary>
    public const int EncoderEmbedding = 1 << 20;

    /// <summary>An encoder's plain classifier.</summary>
    public const int Classifier = EncoderEmbedding - 1;

    /// <summary>R-BERT's layer over the pooled state.</summary>
    public const int PairStart = EncoderEmbedding - 2;

    /// <summary>R-BERT's layer over the first span.</summary>
    public const int PairFirst = EncoderEmbedding - 3;

    /// <summary>R-BERT's layer over the second span.</summary>
    public const int PairSecond = EncoderEmbedding - 4;

    /// <summary>R-BERT's classifier.</summary>
    public const int PairClassifier = EncoderEmbedding - 5;

    /// <summary>Features that a GRU reads.</summary>
    public const int GruFeatures = EncoderEmbedding - 8;

    /// <summary>Noise on embeddings.</summary>
    public const int EmbeddingNoise = 1 << 24;

    /// <summary>Tokens that are hidden to be guessed.</summary>
    public const int HiddenTokens = EmbeddingNoise + 1;

    // Attention weights, and what goes into each of the two residual sums.
    private const int SitesOfLayer = 3;

    /// <summary>First of the three places of an encoder's layer.</summary>
    public static int FirstOfEncoderLayer(int index) => EncoderEmbedding + 1 + (SitesOfLayer * index);
}
