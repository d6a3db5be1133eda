namespace Guanxi.Torch;

/// <summary>Which tokens of its row a token looks at, and what is added to the scores for their distance.</summary>
public sealed record AttentionPattern
{
    /// <summary>A token looks at itself and at all before it.</summary>
    public static AttentionPattern Causal { get; } = new();

    /// <summary>A token looks at its whole row, as in BERT.</summary>
    public static AttentionPattern Bidirectional { get; } = new() { IsCausal = false };

    /// <summary>Whether a token sees nothing behind itself. Otherwise there is neither window nor slope nor tree.</summary>
    /// <value>True.</value>
    public bool IsCausal { get; init; } = true;

    /// <summary>Most tokens that a token sees, counted back by position and itself included (Mistral, Jiang et al. 2023, arXiv
    /// 2310.06825); 0 for all.</summary>
    /// <value>0.</value>
    public int Window { get; init; }

    /// <summary>For every query head the slope of ALiBi (Press et al. 2021, arXiv 2108.12409): slope x (key position - query position)
    /// is added to the scores in Float32; null without.</summary>
    /// <value>Null.</value>
    public float[]? Slopes { get; init; }

    /// <summary>Dropout of the weights of the keys; null without.</summary>
    /// <value>Null.</value>
    public AttentionDropout? Dropout { get; init; }

    /// <summary>The slopes of ALiBi.</summary>
    /// <param name="heads">Number of heads.</param>
    /// <returns>The powers of 2^(-8/n) for n heads where n is a power of two; what further heads there are take every second slope of
    /// twice as many.</returns>
    public static float[] AlibiSlopes(int heads)
    {
        const double Range = 8;
        ArgumentOutOfRangeException.ThrowIfLessThan(heads, 1);
        var whole = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)heads);
        whole = whole == heads ? heads : whole / 2;
        var slopes = new float[heads];
        for (var head = 0; head < heads; head++)
        {
            slopes[head] = (float)Math.Pow(2, head < whole
                ? -Range / whole * (head + 1)
                : -Range / (2 * whole) * ((2 * (head - whole)) + 1));
        }

        return slopes;
    }
}

/// <summary>Dropout of attention weights; the mask depends on the key, the site, the head and the places of query and key.</summary>
/// <param name="Probability">Share to drop, below 1.</param>
/// <param name="Key">Seed, step and micro-batch.</param>
/// <param name="Site">Place in the model.</param>
public sealed record AttentionDropout(double Probability, DropoutKey Key, int Site);
