namespace Guanxi.Transformers.Inference;

/// <summary>Cuts rows into batches of about so many tokens.</summary>
internal static class TokenBudget
{
    /// <summary>Tokens of a batch where nobody says otherwise: large matrix products, small activations.</summary>
    public const int Default = 2048;

    /// <summary>Makes batches of rows of similar length, the longest first, so that what does not fit in memory fails at once.</summary>
    /// <param name="rows">Indices of the rows.</param>
    /// <param name="tokens">Tokens of a row, by its index.</param>
    /// <param name="budget">Most tokens of a batch; a row that has more is a batch of its own.</param>
    /// <returns>The indices of every batch; each index occurs once.</returns>
    public static IEnumerable<int[]> Batches(IEnumerable<int> rows, Func<int, int> tokens, int budget)
    {
        var batch = new List<int>();
        var used = 0;
        foreach (var row in rows.OrderByDescending(tokens))
        {
            if (batch.Count > 0 && used + tokens(row) > budget)
            {
                yield return [.. batch];
                batch.Clear();
                used = 0;
            }

            batch.Add(row);
            used += tokens(row);
        }

        if (batch.Count > 0)
        {
            yield return [.. batch];
        }
    }
}
