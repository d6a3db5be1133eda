using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Inference;

/// <summary>A token whose probability is wanted after a row of hidden states.</summary>
/// <param name="Row">Row of the hidden states.</param>
/// <param name="Token">Id.</param>
internal readonly record struct TokenQuery(int Row, int Token);

/// <summary>Log-probabilities of chosen tokens. The head's output is wide, so it is made and dropped a slice of rows at a time.</summary>
internal static class TokenLogProbabilities
{
    // 64 MiB of fp32: with the exponentials beside them 128 MiB, and still products of hundreds of rows.
    private const long SliceElements = 1 << 24;

    /// <summary>Reads the log-probability of every queried token, over the whole vocabulary and in fp32.</summary>
    /// <param name="model">The model whose head is used.</param>
    /// <param name="hidden">[M, C], as the model's forward gives them.</param>
    /// <param name="queries">Queries in ascending order of their rows.</param>
    /// <param name="context">Compute type.</param>
    /// <param name="best">Receives for every query whether no token is more probable; null when that is not wanted.</param>
    /// <returns>For every query its log-probability.</returns>
    /// <exception cref="CheckpointException">The model's output is not a number.</exception>
    public static float[] Read(Decoder model, Tensor hidden, IReadOnlyList<TokenQuery> queries, ForwardContext context, bool[]? best)
    {
        var found = new float[queries.Count];
        var rows = (int)hidden.Size(0);
        var slice = (int)Math.Max(1, SliceElements / model.Config.VocabularySize);
        var at = 0;
        for (var first = 0; first < rows; first += slice)
        {
            var end = Math.Min(rows, first + slice);
            var until = at;
            while (until < queries.Count && queries[until].Row < end)
            {
                until++;
            }

            using var scope = TensorScope.Enter();
            var logits = model.Logits(hidden.Narrow(0, first, end - first), context).To(DType.Float32); // [slice, V]
            ReadSlice(logits, first, queries, at..until, found, best);
            at = until;
        }

        RefuseNotFinite(found);
        return found;
    }

    /// <summary>Refuses what cannot be worked with.</summary>
    /// <param name="values">Logits or log-probabilities.</param>
    /// <exception cref="CheckpointException">One is infinite or not a number.</exception>
    public static void RefuseNotFinite(ReadOnlySpan<float> values)
    {
        foreach (var value in values)
        {
            if (!float.IsFinite(value))
            {
                throw new CheckpointException(new Problem(
                    "model", "its output is infinite or not a number", "finite logits", $"{value}",
                    "The weights are damaged, or too large for this compute type: try fp32."));
            }
        }
    }

    private static void ReadSlice(
        Tensor logits, int first, IReadOnlyList<TokenQuery> queries, Range part, float[] found, bool[]? best)
    {
        var (start, count) = part.GetOffsetAndLength(queries.Count);
        if (count == 0)
        {
            return;
        }

        var width = logits.Size(1);
        var places = new long[count];
        for (var i = 0; i < count; i++)
        {
            places[i] = ((queries[start + i].Row - first) * width) + queries[start + i].Token;
        }

        var chosen = logits.View(-1).IndexSelect(0, Tensor.From<long>(places, count).ToDevice(logits.Device)).ToArray<float>();
        var totals = logits.LogSumExp(-1, keepDimension: false).ToArray<float>();
        var winners = best is null ? null : logits.ArgMax(-1).ToArray<long>();
        for (var i = 0; i < count; i++)
        {
            var (row, token) = queries[start + i];
            found[start + i] = chosen[i] - totals[row - first];
            if (winners is not null)
            {
                best![start + i] = winners[row - first] == token;
            }
        }
    }
}
