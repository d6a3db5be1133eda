using Guanxi.Torch.Kernels;
using FusedAttention = Guanxi.Torch.Kernels.Attention;

namespace Guanxi.Torch;

/// <content>Attention on the CPU: scores never reach the memory, and the backward computes them again.</content>
public static unsafe partial class Functional
{
    private static Tensor AttentionFused(
        Tensor query, Tensor key, Tensor value, SequenceLayout layout, AttentionPattern pattern, Tensor? prefixKey, Tensor? prefixValue)
    {
        CheckAttention(query, key, value, layout, pattern, prefixKey, prefixValue);
        var (q, k, v) = (query.Contiguous(), key.Contiguous(), value.Contiguous());
        var (prefixK, prefixV) = (prefixKey?.Contiguous(), prefixValue?.Contiguous());
        var output = Tensor.Empty(q.Shape, q.DType, Device.Cpu);
        var logSums = Tensor.Empty([q.Size(1), q.Size(0)], DType.Float32, Device.Cpu);
        fixed (int* starts = layout.RowStartArray, parents = layout.TailParents, positions = layout.PositionArray)
        fixed (float* slopes = pattern.Slopes)
        {
            FusedAttention.Forward(
                q.DType,
                AttentionShape(layout, pattern, new(starts, parents, positions, slopes), q, k, prefixK),
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
            (gradient, saved) => AttentionBackward(gradient, saved, layout, pattern, learnsPrefix));
    }

    private static Tensor?[] AttentionBackward(
        Tensor gradient, Tensor?[] saved, SequenceLayout layout, AttentionPattern pattern, bool learnsPrefix)
    {
        var (q, k, v, prefixKey) = (saved[0]!, saved[1]!, saved[2]!, saved[5]);
        var dy = gradient.Contiguous();
        var (dq, dk, dv) = (EmptyLike(q), EmptyLike(k), EmptyLike(v));
        var (prefixKeyShares, prefixValueShares) = learnsPrefix ? (Shares(), Shares()) : (null, null);
        fixed (int* starts = layout.RowStartArray, parents = layout.TailParents, positions = layout.PositionArray)
        fixed (float* slopes = pattern.Slopes)
        {
            var shape = AttentionShape(layout, pattern, new(starts, parents, positions, slopes), q, k, prefixKey);
            FusedAttention.Backward(q.DType, shape, new AttentionGradients
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

    /// <summary>The arrays of a layout and a pattern, where they do not move.</summary>
    private readonly struct Pinned(int* starts, int* parents, int* positions, float* slopes)
    {
        public int* Starts => starts;

        public int* Parents => parents;

        public int* Positions => positions;

        public float* Slopes => slopes;
    }

    private static AttentionRows AttentionShape(
        SequenceLayout layout, AttentionPattern pattern, Pinned arrays, Tensor query, Tensor key, Tensor? prefix)
    {
        var prefixLength = (int)(prefix?.Size(0) ?? 0);
        return new()
        {
            Count = layout.RowCount,
            Starts = arrays.Starts,
            Prefix = prefixLength,
            Heads = (int)query.Size(1),
            KeyHeads = (int)key.Size(1),
            HeadDim = (int)query.Size(2),
            TailLength = layout.TailLength,
            TailParents = arrays.Parents,
            Positions = arrays.Positions,
            IsCausal = pattern.IsCausal,
            Window = pattern.Window,
            Slopes = arrays.Slopes,
            DropProbability = pattern.Dropout?.Probability ?? 0,
            DropMask = pattern.Dropout is { } dropout ? MaskOf(dropout) : default,
            DropWidth = pattern.Dropout is null ? 0 : AttentionRows.DropWidthOf(layout, prefixLength),
        };
    }

    /// <summary>The kernel reads raw memory: a shape that does not fit must not reach it.</summary>
    private static void CheckAttention(
        Tensor query, Tensor key, Tensor value, SequenceLayout layout, AttentionPattern pattern, Tensor? prefixKey, Tensor? prefixValue)
    {
        if (!pattern.IsCausal && (pattern.Window > 0 || pattern.Slopes is not null || layout.TailLength > 0))
        {
            throw new TorchException("attention in both directions has no window, no slopes and no tree");
        }

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

        fits &= pattern.Slopes is null || (query.Rank == 3 && pattern.Slopes.Length == query.Size(1));
        if (!fits)
        {
            throw new TorchException(
                $"attention over {tokens} tokens: query {query}, key {key}, value {value}, prefix {prefixKey} and {prefixValue}, "
                + $"{pattern.Slopes?.Length ?? 0} slopes do not fit together");
        }
    }

    private static Tensor EmptyLike(Tensor tensor) => Tensor.Empty(tensor.Shape, tensor.DType, Device.Cpu);

    private static void* Pointer(Tensor? tensor) => tensor is null ? null : tensor.DataPointer();
}
