using Guanxi.Torch.Kernels;
using FusedAttention = Guanxi.Torch.Kernels.Attention;

namespace Guanxi.Torch;

/// <content>Attention on the CPU: scores never reach the memory, and the backward computes them again.</content>
public static unsafe partial class Functional
{
    private static Tensor AttentionFused(
        Tensor query, Tensor key, Tensor value, SequenceLayout layout, Tensor? prefixKey, Tensor? prefixValue)
    {
        CheckAttention(query, key, value, layout, prefixKey, prefixValue);
        var (q, k, v) = (query.Contiguous(), key.Contiguous(), value.Contiguous());
        var (prefixK, prefixV) = (prefixKey?.Contiguous(), prefixValue?.Contiguous());
        var output = Tensor.Empty(q.Shape, q.DType, Device.Cpu);
        var logSums = Tensor.Empty([q.Size(1), q.Size(0)], DType.Float32, Device.Cpu);
        fixed (int* starts = layout.RowStartArray, parents = layout.TailParents)
        {
            FusedAttention.Forward(
                q.DType,
                AttentionShape(layout, starts, parents, q, k, prefixK),
                q.DataPointer(),
                k.DataPointer(),
                v.DataPointer(),
                Pointer(prefixK),
                Pointer(prefixV),
                output.DataPointer(),
                (float*)logSums.DataPointer());
        }

        var learnsPrefix = prefixKey is { RequiresGrad: true } || prefixValue is { RequiresGrad: true };
        return Autograd.Record(
            output,
            [query, key, value, prefixKey, prefixValue],
            [q, k, v, output, logSums, prefixK, prefixV],
            (gradient, saved) => AttentionBackward(gradient, saved, layout, learnsPrefix));
    }

    private static Tensor?[] AttentionBackward(Tensor gradient, Tensor?[] saved, SequenceLayout layout, bool learnsPrefix)
    {
        var (q, k, v, prefixKey) = (saved[0]!, saved[1]!, saved[2]!, saved[5]);
        var dy = gradient.Contiguous();
        var (dq, dk, dv) = (EmptyLike(q), EmptyLike(k), EmptyLike(v));
        var (prefixKeyShares, prefixValueShares) = learnsPrefix ? (Shares(), Shares()) : (null, null);
        fixed (int* starts = layout.RowStartArray, parents = layout.TailParents)
        {
            FusedAttention.Backward(q.DType, AttentionShape(layout, starts, parents, q, k, prefixKey), new AttentionGradients
            {
                Query = q.DataPointer(),
                Key = k.DataPointer(),
                Value = v.DataPointer(),
                PrefixKey = Pointer(prefixKey),
                PrefixValue = Pointer(saved[6]),
                Output = saved[3]!.DataPointer(),
                LogSums = (float*)saved[4]!.DataPointer(),
                OutputGradient = dy.DataPointer(),
                QueryGradient = dq.DataPointer(),
                KeyGradient = dk.DataPointer(),
                ValueGradient = dv.DataPointer(),
                PrefixKeyShares = (float*)Pointer(prefixKeyShares),
                PrefixValueShares = (float*)Pointer(prefixValueShares),
            });
        }

        return [dq, dk, dv, SumOfShares(prefixKeyShares, q.DType), SumOfShares(prefixValueShares, q.DType)];

        Tensor Shares() =>
            Tensor.Empty([layout.RowCount, prefixKey!.Size(0), prefixKey.Size(1), prefixKey.Size(2)], DType.Float32, Device.Cpu);
    }

    // Row by row, in order: the same bits for any number of threads.
    private static Tensor? SumOfShares(Tensor? shares, DType dtype)
    {
        if (shares is null)
        {
            return null;
        }

        var sum = Tensor.Empty(shares.Shape[1..], DType.Float32, Device.Cpu);
        ColumnSum.Run((float*)shares.DataPointer(), (float*)sum.DataPointer(), shares.Size(0), checked((int)sum.ElementCount));
        return sum.To(dtype);
    }

    private static AttentionRows AttentionShape(
        SequenceLayout layout, int* starts, int* parents, Tensor query, Tensor key, Tensor? prefix) =>
        new()
        {
            Count = layout.RowCount,
            Starts = starts,
            Prefix = (int)(prefix?.Size(0) ?? 0),
            Heads = (int)query.Size(1),
            KeyHeads = (int)key.Size(1),
            HeadDim = (int)query.Size(2),
            TailLength = layout.TailLength,
            TailParents = parents,
        };

    /// <summary>The kernel reads raw memory: a shape that does not fit must not reach it.</summary>
    private static void CheckAttention(
        Tensor query, Tensor key, Tensor value, SequenceLayout layout, Tensor? prefixKey, Tensor? prefixValue)
    {
        var (tokens, dim) = (layout.TokenCount, query.Rank == 3 ? query.Size(2) : -1);
        var fits = query.Rank == 3 && query.Size(0) == tokens && key.Rank == 3 && key.Size(0) == tokens && key.Size(2) == dim
            && key.Size(1) > 0 && query.Size(1) % key.Size(1) == 0 && value.Shape.SequenceEqual(key.Shape)
            && key.DType == query.DType && value.DType == query.DType && (prefixKey is null) == (prefixValue is null);
        if (fits && prefixKey is not null)
        {
            fits = prefixKey.Rank == 3 && prefixKey.Shape[1..].SequenceEqual(key.Shape[1..])
                && prefixValue!.Shape.SequenceEqual(prefixKey.Shape)
                && prefixKey.DType == query.DType && prefixValue.DType == query.DType;
        }

        if (!fits)
        {
            throw new TorchException(
                $"attention over {tokens} tokens: query {query}, key {key}, value {value}, prefix {prefixKey} and {prefixValue} "
                + "do not fit together");
        }
    }

    private static Tensor EmptyLike(Tensor tensor) => Tensor.Empty(tensor.Shape, tensor.DType, Device.Cpu);

    private static void* Pointer(Tensor? tensor) => tensor is null ? null : tensor.DataPointer();
}
