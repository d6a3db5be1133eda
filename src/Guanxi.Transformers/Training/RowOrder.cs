namespace Guanxi.Transformers.Training;

/// <summary>In which order the rows of an epoch are trained, and which of them a data-parallel rank gets.</summary>
/// <remarks>
/// Equal to the Hugging Face Trainer: epoch e is <c>torch.randperm</c> of a generator seeded with seed + e (accelerate's
/// SeedableRandomSampler), and whole batches are dealt to the ranks in turn (accelerate's BatchSamplerShard).
/// </remarks>
public static class RowOrder
{
    private const int LongestStretchSteps = 50;
    private const int ShortestStretchShare = 4;

    /// <summary>The order of one epoch.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="epoch">0 for the first epoch.</param>
    /// <returns>Every row index once.</returns>
    public static int[] OfEpoch(int rows, long seed, int epoch) => Permutation(rows, seed + epoch);

    /// <summary>A random permutation, equal to <c>torch.randperm</c> on the CPU.</summary>
    /// <param name="count">Number of entries.</param>
    /// <param name="seed">Seed of the generator.</param>
    /// <returns>The numbers below <paramref name="count"/> in random order.</returns>
    public static int[] Permutation(int count, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var random = new MersenneTwister(seed);
        var order = Enumerable.Range(0, count).ToArray();
        for (var i = 0; i < count - 1; i++)
        {
            // The remainder is slightly uneven, and it is what torch does.
            var chosen = i + (int)(random.NextUInt32() % (uint)(count - i));
            (order[i], order[chosen]) = (order[chosen], order[i]);
        }

        return order;
    }

    /// <summary>Brings rows of like length together: stretches of a random order, each sorted with its longest row first.</summary>
    /// <param name="order">A random order.</param>
    /// <param name="lengthOf">Length of a row.</param>
    /// <param name="batchSize">Rows of an optimizer step.</param>
    /// <returns>The same rows; the longest of all is the first, so that too little memory shows at once.</returns>
    /// <remarks>
    /// transformers' <c>get_length_grouped_indices</c>: stretches of 50 steps, or of a quarter of a small set. There the order comes
    /// from a generator that everything else draws from too; here from the seed and the epoch.
    /// </remarks>
    public static int[] GroupedByLength(ReadOnlySpan<int> order, Func<int, int> lengthOf, int batchSize)
    {
        ArgumentNullException.ThrowIfNull(lengthOf);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        var stretch = batchSize * Math.Max(1, Math.Min(order.Length / (batchSize * ShortestStretchShare), LongestStretchSteps));
        int[] grouped = [.. order.ToArray().Chunk(stretch).SelectMany(rows => rows.OrderByDescending(lengthOf))];
        var longest = 0;
        for (var i = stretch; i < grouped.Length; i += stretch)
        {
            longest = lengthOf(grouped[i]) > lengthOf(grouped[longest]) ? i : longest;
        }

        if (grouped.Length > 0)
        {
            (grouped[0], grouped[longest]) = (grouped[longest], grouped[0]);
        }

        return grouped;
    }

    /// <summary>Deals an order to ranks in whole batches.</summary>
    /// <param name="order">The order of the epoch.</param>
    /// <param name="batchSize">Rows a batch on one rank.</param>
    /// <param name="rank">The rank asked for.</param>
    /// <param name="worldSize">Number of ranks.</param>
    /// <returns>
    /// The batches of the rank. One rank alone keeps a short last batch; several are filled up from the start of the order, so that
    /// all have the same number of full batches.
    /// </returns>
    public static int[][] Batches(ReadOnlySpan<int> order, int batchSize, int rank, int worldSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(worldSize, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, worldSize);
        var batches = (order.Length + batchSize - 1) / batchSize;
        var perRank = (batches + worldSize - 1) / worldSize;
        var dealt = new int[perRank][];
        for (var i = 0; i < perRank; i++)
        {
            var first = ((i * worldSize) + rank) * batchSize;
            var size = worldSize == 1 ? Math.Min(batchSize, order.Length - first) : batchSize;
            dealt[i] = new int[size];
            for (var k = 0; k < size; k++)
            {
                dealt[i][k] = order[(first + k) % order.Length];
            }
        }

        return dealt;
    }
}
