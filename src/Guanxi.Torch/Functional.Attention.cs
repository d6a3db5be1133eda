namespace Guanxi.Torch;

/// <content>Causal attention over rows laid end to end.</content>
public static partial class Functional
{
    /// <summary>softmax(q k^T / sqrt(D), masked) v, every row for itself, with grouped key and value heads.</summary>
    /// <param name="query">[N, H, D].</param>
    /// <param name="key">[N, K, D]; K divides H, query head h uses key head h / (H / K).</param>
    /// <param name="value">[N, K, D].</param>
    /// <param name="layout">The rows.</param>
    /// <param name="prefixKey">[P, K, D] keys that every row attends to first, or null.</param>
    /// <param name="prefixValue">[P, K, D], or null.</param>
    /// <returns>[N, H, D].</returns>
    public static Tensor Attention(
        Tensor query, Tensor key, Tensor value, SequenceLayout layout, Tensor? prefixKey, Tensor? prefixValue)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(layout);
        using var scope = TensorScope.Enter();
        return scope.Keep(query.Device.IsCpu && query.DType is DType.Float32 or DType.BFloat16 or DType.Float16
            ? AttentionFused(query, key, value, layout, prefixKey, prefixValue)
            : AttentionComposed(query, key, value, layout, prefixKey, prefixValue));
    }

    internal static Tensor AttentionComposed(
        Tensor query, Tensor key, Tensor value, SequenceLayout layout, Tensor? prefixKey, Tensor? prefixValue)
    {
        using var scope = TensorScope.Enter();
        var rows = new List<Tensor>(layout.RowCount);
        for (var row = 0; row < layout.RowCount; row++)
        {
            var (start, length) = (layout.RowStarts[row], layout.RowLength(row));
            if (length == 0)
            {
                continue;
            }

            var rowKey = WithPrefix(prefixKey, key.Narrow(0, start, length));
            var rowValue = WithPrefix(prefixValue, value.Narrow(0, start, length));
            rows.Add(AttendRow(query.Narrow(0, start, length), rowKey, rowValue, Mask(layout, row, (int)rowKey.Size(0), query)));
        }

        return scope.Keep(Tensor.Cat([.. rows], 0));
    }

    private static Tensor WithPrefix(Tensor? prefix, Tensor own) => prefix is null ? own : Tensor.Cat([prefix, own], 0);

    private static Tensor AttendRow(Tensor query, Tensor key, Tensor value, Tensor mask)
    {
        var (length, heads, headDim) = (query.Size(0), query.Size(1), query.Size(2));
        var (keys, keyHeads) = (key.Size(0), key.Size(1));
        var grouped = query.Transpose(0, 1).Reshape(keyHeads, heads / keyHeads * length, headDim); // [K, G*T, D]
        var scores = grouped.BatchMatrixProduct(key.Permute(1, 2, 0)) / Math.Sqrt(headDim); // [K, G*T, S]
        var weights = (scores.View(heads, length, keys).To(DType.Float32) + mask).Softmax(-1).To(query.DType);
        var mixed = weights.View(keyHeads, heads / keyHeads * length, keys).BatchMatrixProduct(value.Transpose(0, 1)); // [K, G*T, D]
        return mixed.View(heads, length, headDim).Transpose(0, 1);
    }

    /// <summary>0 where a token may look, minus infinity elsewhere: [T, S].</summary>
    private static Tensor Mask(SequenceLayout layout, int row, int keys, Tensor like)
    {
        var length = layout.RowLength(row);
        var plain = length - layout.TailLength;
        var prefix = keys - length;
        var mask = new float[length * keys];
        for (var i = 0; i < length; i++)
        {
            var visible = prefix + Math.Min(i + 1, plain);
            mask.AsSpan((i * keys) + visible, keys - visible).Fill(float.NegativeInfinity);
            for (var node = i - plain; node >= 0; node = layout.TailParents![node])
            {
                mask[(i * keys) + prefix + plain + node] = 0;
            }
        }

        return Tensor.From<float>(mask, length, keys).ToDevice(like.Device);
    }
}
