namespace Guanxi.Transformers.Inference;

/// <summary>Changes logits before a token is drawn; a token that is removed gets minus infinity.</summary>
/// <remarks>
/// Order and rules of transformers 5 (generation/logits_process.py): repetition penalty, temperature, top_k, top_p, min_p. Deviation:
/// of equally probable tokens at the edge of top_p the lower ids stay, where torch's sort leaves it open.
/// </remarks>
internal static class LogitProcessing
{
    /// <summary>Applies every step that the options ask for; greedy decoding has only the penalty.</summary>
    /// <param name="scores">Logits of the whole vocabulary, changed in place.</param>
    /// <param name="seen">Ids of prompt and continuation, each once.</param>
    /// <param name="options">The steps.</param>
    public static void Apply(Span<float> scores, IEnumerable<int> seen, GenerationOptions options)
    {
        if (options.RepetitionPenalty != 1)
        {
            Penalise(scores, seen, (float)options.RepetitionPenalty);
        }

        if (options.IsGreedy)
        {
            return;
        }

        foreach (ref var score in scores)
        {
            score /= (float)options.Temperature;
        }

        if (options.TopK > 0 && options.TopK < scores.Length)
        {
            KeepLargest(scores, options.TopK);
        }

        if (options.TopP < 1)
        {
            KeepShare(scores, options.TopP);
        }

        if (options.MinP > 0)
        {
            KeepNearBest(scores, options.MinP);
        }
    }

    /// <summary>The largest score; of equal ones the lowest id.</summary>
    /// <param name="scores">Scores of the whole vocabulary.</param>
    /// <returns>An id.</returns>
    public static int Best(ReadOnlySpan<float> scores)
    {
        var best = 0;
        for (var id = 1; id < scores.Length; id++)
        {
            best = scores[id] > scores[best] ? id : best;
        }

        return best;
    }

    /// <summary>Draws an id with the probabilities that the scores give.</summary>
    /// <param name="scores">Processed scores.</param>
    /// <param name="uniform">From 0 to below 1.</param>
    /// <returns>An id that was not removed.</returns>
    public static int Draw(ReadOnlySpan<float> scores, double uniform)
    {
        var best = Best(scores);
        double total = 0;
        foreach (var score in scores)
        {
            total += Math.Exp((double)score - scores[best]);
        }

        var left = uniform * total;
        for (var id = 0; id < scores.Length; id++)
        {
            left -= Math.Exp((double)scores[id] - scores[best]);
            if (left < 0)
            {
                return id;
            }
        }

        // Rounding alone leads here.
        return best;
    }

    private static void Penalise(Span<float> scores, IEnumerable<int> seen, float penalty)
    {
        foreach (var id in seen)
        {
            scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
        }
    }

    private static void KeepLargest(Span<float> scores, int count)
    {
        var largest = new PriorityQueue<float, float>(count);
        foreach (var score in scores)
        {
            if (largest.Count < count)
            {
                largest.Enqueue(score, score);
            }
            else if (score > largest.Peek())
            {
                largest.EnqueueDequeue(score, score);
            }
        }

        Remove(scores, largest.Peek());
    }

    private static void KeepShare(Span<float> scores, double share)
    {
        var kept = new List<(float Score, int Id)>();
        for (var id = 0; id < scores.Length; id++)
        {
            if (!float.IsNegativeInfinity(scores[id]))
            {
                kept.Add((scores[id], id));
            }
        }

        kept.Sort((left, right) => left.Score != right.Score ? left.Score.CompareTo(right.Score) : right.Id.CompareTo(left.Id));
        var best = kept[^1].Score;
        var total = kept.Sum(item => Math.Exp((double)item.Score - best));
        double below = 0;
        for (var i = 0; i < kept.Count - 1; i++)
        {
            below += Math.Exp((double)kept[i].Score - best) / total;
            if (below > 1 - share)
            {
                break;
            }

            scores[kept[i].Id] = float.NegativeInfinity;
        }
    }

    private static void KeepNearBest(Span<float> scores, double ratio) =>
        Remove(scores, scores[Best(scores)] + Math.Log(ratio));

    private static void Remove(Span<float> scores, double below)
    {
        foreach (ref var score in scores)
        {
            score = score < below ? float.NegativeInfinity : score;
        }
    }
}
