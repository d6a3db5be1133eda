namespace Guanxi.Torch;

/// <content>Attention over rows laid end to end.</content>
public static partial class Functional
{
    /// <summary>softmax(q k^T / sqrt(D), masked) v, every row for itself, with grouped key and value heads.</summary>
    /// <param name="query">[N, H, D].</param>
    /// <param name="key">[N, K, D]; K divides H, query head h uses key head h / (H / K).</param>
    /// <param name="value">[N, K, D].</param>
    /// <param name="layout">The rows.</param>
    /// <param name="pattern">Which tokens of its row a token looks at.</param>
    /// <param name="prefixKey">[P, K, D] keys of the P positions before every row, or null.</param>
    /// <param name="prefixValue">[P, K, D], or null.</param>
    /// <returns>[N, H, D].</returns>
    public static Tensor Attention(
        Tensor query, Tensor key, Tensor value, SequenceLayout layout, AttentionPattern pattern, Tensor? prefixKey, Tensor? prefixValue)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(pattern);
        using var scope = TensorScope.Enter();
        if (layout.Parts is { } parts)
        {
            return scope.Keep(AttentionBehindShared(query, key, value, parts.Shared, parts.Others, pattern, prefixKey, prefixValue));
        }

        return scope.Keep(query.Device.IsCpu && query.DType is DType.Float32 or DType.BFloat16 or DType.Float16
            ? AttentionFused(query, key, value, layout, pattern, prefixKey, prefixValue)
            : AttentionComposed(query, key, value, layout, pattern, prefixKey, prefixValue));
    }

    /// <summary>What the rows share looks at itself, the others at it as at a prefix; their gradients meet in its keys and values.</summary>
    private static Tensor AttentionBehindShared(
        Tensor query, Tensor key, Tensor value, SequenceLayout shared, SequenceLayout others, AttentionPattern pattern, Tensor? prefixKey, Tensor? prefixValue)
    {
        Tensor[] Cut(Tensor x) => x.Split(0, shared.TokenCount, others.TokenCount);
        var (queries, keys, values) = (Cut(query), Cut(key), Cut(value));
        var first = Attention(queries[0], keys[0], values[0], shared, pattern, prefixKey, prefixValue);
        var rest = Attention(queries[1], keys[1], values[1], others, pattern, WithPrefix(prefixKey, keys[0]), WithPrefix(prefixValue, values[0]));
        return Tensor.Cat([first, rest], 0);
    }

    internal static Tensor AttentionComposed(
        Tensor query, Tensor key, Tensor value, SequenceLayout layout, AttentionPattern pattern, Tensor? prefixKey, Tensor? prefixValue)
    {
        CheckAttention(query, key, value, layout, pattern, prefixKey, prefixValue);
        using var scope = TensorScope.Enter();
        var kept = pattern.Dropout is { Probability: > 0 } dropout ? KeptWeights(query, layout, prefixKey, dropout) : null; // [H, N, S]
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
            var mask = Mask(layout, pattern, row, (int)rowKey.Size(0), (int)query.Size(1)).ToDevice(query.Device);
            var rowKept = kept?.Narrow(1, start, length).Narrow(2, 0, rowKey.Size(0));
            rows.Add(AttendRow(query.Narrow(0, start, length), rowKey, rowValue, mask, rowKept));
        }

        return scope.Keep(Tensor.Cat([.. rows], 0));
    }

    private static Tensor WithPrefix(Tensor? prefix, Tensor own) => prefix is null ? own : Tensor.Cat([prefix, own], 0);

    private static Tensor AttendRow(Tensor query, Tensor key, Tensor value, Tensor mask, Tensor? kept)
    {
        var (length, heads, headDim) = (query.Size(0), query.Size(1), query.Size(2));
        var (keys, keyHeads) = (key.Size(0), key.Size(1));
        var grouped = query.Transpose(0, 1).Reshape(keyHeads, heads / keyHeads * length, headDim); // [K, G*T, D]
        var scores = grouped.BatchMatrixProduct(key.Permute(1, 2, 0)) / Math.Sqrt(headDim); // [K, G*T, S]
        var weights = (scores.View(heads, length, keys).To(DType.Float32) + mask).Softmax(-1).To(query.DType);
        weights = kept is null ? weights : weights * kept;
        var mixed = weights.View(keyHeads, heads / keyHeads * length, keys).BatchMatrixProduct(value.Transpose(0, 1)); // [K, G*T, D]
        return mixed.View(heads, length, headDim).Transpose(0, 1);
    }

    /// <summary>What a dropped weight is multiplied by, drawn as the kernel draws it: 0 or 1 / (1 - p), [H, N, S].</summary>
    private static Tensor KeptWeights(Tensor query, SequenceLayout layout, Tensor? prefix, AttentionDropout dropout)
    {
        var width = Kernels.AttentionRows.DropWidthOf(layout, (int)(prefix?.Size(0) ?? 0));
        var ones = Tensor.Full([query.Size(1), query.Size(0), width], 1, query.DType, Device.Cpu);
        return DropoutFused(ones, dropout.Probability, MaskOf(dropout)).ToDevice(query.Device);
    }

    private static Kernels.DropoutMask MaskOf(AttentionDropout dropout) =>
        new(dropout.Key.Seed, dropout.Key.Step, dropout.Key.MicroBatch, dropout.Site);

    /// <summary>What is added to a row's scores, minus infinity where a token may not look: [T, S], or [H, T, S] with slopes.</summary>
    private static Tensor Mask(SequenceLayout layout, AttentionPattern pattern, int row, int keys, int heads)
    {
        var length = layout.RowLength(row);
        var planes = pattern.Slopes is null ? 1 : heads;
        var size = (long)planes * length * keys;
        if (size > Array.MaxLength)
        {
            throw new TorchException(
                $"attention with slopes of {planes} heads over a row of {length} tokens and {keys} keys needs a mask of {size} numbers, "
                + $"more than {Array.MaxLength}: give shorter rows");
        }

        var mask = new float[size];
        for (var at = 0; at < mask.Length; at++)
        {
            var (query, key) = (at / keys % length, at % keys);
            var distance = Position(layout, row, key - (keys - length)) - Position(layout, row, query);
            mask[at] = Sees(layout, pattern, row, query, key - (keys - length), distance)
                ? (pattern.Slopes?[at / keys / length] ?? 0) * distance
                : float.NegativeInfinity;
        }

        return planes == 1 ? Tensor.From<float>(mask, length, keys) : Tensor.From<float>(mask, planes, length, keys);
    }

    // Tokens of the prefix are counted back from the row: they have the positions before it.
    private static int Position(SequenceLayout layout, int row, int token) =>
        token < 0 ? layout.Positions[layout.RowStarts[row]] + token : layout.Positions[layout.RowStarts[row] + token];

    private static bool Sees(SequenceLayout layout, AttentionPattern pattern, int row, int query, int key, int distance)
    {
        if (!pattern.IsCausal)
        {
            return true;
        }

        var plain = layout.RowLength(row) - layout.TailLength;
        var node = query - plain;
        while (key >= plain && node > key - plain)
        {
            node = layout.TailParents![node];
        }

        return (key < plain ? key <= query : node == key - plain) && (pattern.Window == 0 || -distance < pattern.Window);
    }
}
