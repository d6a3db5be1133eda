namespace Guanxi.Torch.Kernels;

/// <summary>Shape of attention scores [batch * heads, queries, keys] and which of them count.</summary>
internal readonly unsafe struct AttentionMask
{
    /// <summary>Batch times heads; the head is the faster index.</summary>
    public long Matrices { get; init; }

    /// <summary>Heads.</summary>
    public int Heads { get; init; }

    /// <summary>Rows of a matrix.</summary>
    public int Queries { get; init; }

    /// <summary>Columns of a matrix.</summary>
    public int Keys { get; init; }

    /// <summary>Factor of the scores, applied first.</summary>
    public float Scale { get; init; }

    /// <summary>Whether query i sees key j only where j is at most i + <see cref="Offset"/>.</summary>
    public bool Causal { get; init; }

    /// <summary>Position of query 0 among the keys.</summary>
    public int Offset { get; init; }

    /// <summary>How many keys a query sees at most, counted back from its own position; 0 for all.</summary>
    public int Window { get; init; }

    /// <summary>For each head the slope of ALiBi (Press et al. 2021): slope * (key - query position) is added. Null without.</summary>
    public float* Slopes { get; init; }

    /// <summary>[batch] keys of each sequence; those at or beyond are padding. Null when all keys count.</summary>
    public int* KeyCounts { get; init; }

    /// <summary>[queries, keys] added to every matrix, with minus infinity for what is hidden. Null without.</summary>
    public float* Bias { get; init; }

    /// <summary>The keys that a query may see.</summary>
    /// <param name="matrix">Number of the matrix.</param>
    /// <param name="query">Row in it.</param>
    /// <returns>First key, and the key after the last; equal when there is none.</returns>
    public (int First, int End) Visible(long matrix, int query)
    {
        var end = KeyCounts is null ? Keys : Math.Clamp(KeyCounts[matrix / Heads], 0, Keys);
        var position = (long)query + Offset;
        var first = Window > 0 ? (int)Math.Clamp(position - Window + 1, 0, Keys) : 0;
        if (Causal)
        {
            end = (int)Math.Clamp(position + 1, 0, end);
        }

        return (Math.Min(first, end), end);
    }
}
