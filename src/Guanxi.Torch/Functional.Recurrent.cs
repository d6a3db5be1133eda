namespace Guanxi.Torch;

/// <summary>Recurrent layers.</summary>
public static partial class Functional
{
    /// <summary>A gated recurrent unit that reads every row forwards and backwards (Cho et al. 2014, arXiv 1406.1078, as cuDNN and torch have it).</summary>
    /// <param name="x">[N, in], rows end to end, Float32.</param>
    /// <param name="layout">Where the rows begin; none may be empty. The backward direction begins at a row's last token.</param>
    /// <param name="weights">Forwards and then backwards: weight_ih [3H, in], weight_hh [3H, H], bias_ih [3H], bias_hh [3H], the gates in the order r, z, n.</param>
    /// <returns>[N, 2H], both directions' states side by side; new, owned by the current scope.</returns>
    /// <remarks>
    /// <c>aten::gru.data</c>: n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h = (1 - z) n + z h. Keras has the gates as z, r, n, its kernels
    /// transposed, and equals this only with <c>reset_after=True</c>, whose bias holds bias_ih and bias_hh as its two rows.
    /// </remarks>
    public static Tensor BidirectionalGru(Tensor x, SequenceLayout layout, ReadOnlySpan<Tensor> weights)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(layout);
        using var scope = TensorScope.Enter();
        var (order, counts) = StepsOf(layout);
        var back = new long[order.Length];
        for (var i = 0; i < order.Length; i++)
        {
            back[order[i]] = i;
        }

        var start = Tensor.Zeros([2, layout.RowCount, weights[1].Size(1)], x.DType, x.Device);
        var result = Operators.GruPacked.Invoke(
            x.IndexSelect(0, Indices(order)), Tensor.From<long>(counts, counts.Length), start, weights.ToArray(), true, 1L, 0.0, false, true);
        return scope.Keep(result[0].IndexSelect(0, Indices(back)));

        Tensor Indices(long[] values) => Tensor.From<long>(values, values.Length).ToDevice(x.Device);
    }

    /// <summary>All tokens step by step, the longest rows first, and how many rows reach each step.</summary>
    private static (long[] Order, long[] Counts) StepsOf(SequenceLayout layout)
    {
        var rows = Enumerable.Range(0, layout.RowCount).OrderByDescending(layout.RowLength).ToArray();
        var (order, counts) = (new List<long>(layout.TokenCount), new List<long>());
        for (var step = 0; step < layout.RowLength(rows[0]); step++)
        {
            var before = order.Count;
            order.AddRange(rows.TakeWhile(row => layout.RowLength(row) > step).Select(row => (long)layout.RowStarts[row] + step));
            counts.Add(order.Count - before);
        }

        return ([.. order], [.. counts]);
    }
}
