using Guanxi.Torch;

namespace Guanxi.Transformers.Tests.Models;

/// <summary>The padded batches of golden files as rows laid end to end.</summary>
internal static class GoldenBatch
{
    /// <summary>Rows without padding, and the places of their tokens in the padded batch.</summary>
    public static (List<int[]> Rows, long[] Indices) Rows(GoldenFile golden, string prefix)
    {
        var ids = golden[$"{prefix}input_ids"].ToArray<long>();
        var mask = golden[$"{prefix}attention_mask"].ToArray<long>();
        var width = (int)golden[$"{prefix}input_ids"].Size(1);
        var rows = new List<int[]>();
        for (var start = 0; start < ids.Length; start += width)
        {
            rows.Add([.. Enumerable.Range(start, width).Where(i => mask[i] == 1).Select(i => (int)ids[i])]);
        }

        return (rows, [.. Enumerable.Range(0, ids.Length).Where(i => mask[i] == 1).Select(i => (long)i)]);
    }

    public static Tensor Packed(Tensor padded, long[] indices) =>
        padded.View(-1, padded.Size(-1)).IndexSelect(0, Tensor.From<long>(indices, indices.Length));
}
