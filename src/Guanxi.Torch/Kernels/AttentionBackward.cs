using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>What the forward of <see cref="Attention"/> took and gave, and where its gradients go.</summary>
internal readonly unsafe struct AttentionGradients
{
    /// <summary>[tokens, heads, dim].</summary>
    public required void* Query { get; init; }

    /// <summary>[tokens, key heads, dim].</summary>
    public required void* Key { get; init; }

    /// <summary>[tokens, key heads, dim].</summary>
    public required void* Value { get; init; }

    /// <summary>[prefix, key heads, dim].</summary>
    public required void* PrefixKey { get; init; }

    /// <summary>[prefix, key heads, dim].</summary>
    public required void* PrefixValue { get; init; }

    /// <summary>[tokens, heads, dim].</summary>
    public required void* Output { get; init; }

    /// <summary>[heads, tokens].</summary>
    public required float* LogSums { get; init; }

    /// <summary>Gradient of the output.</summary>
    public required void* OutputGradient { get; init; }

    /// <summary>Result, like the query.</summary>
    public required void* QueryGradient { get; init; }

    /// <summary>Result, like the key.</summary>
    public required void* KeyGradient { get; init; }

    /// <summary>Result, like the value.</summary>
    public required void* ValueGradient { get; init; }

    /// <summary>Result [rows, prefix, key heads, dim] in float32, every row's share for itself; null when not wanted.</summary>
    public required float* PrefixKeyShares { get; init; }

    /// <summary>Result like <see cref="PrefixKeyShares"/>; wanted or not together with it.</summary>
    public required float* PrefixValueShares { get; init; }
}

/// <content>The gradients.</content>
internal static unsafe partial class Attention
{
    /// <summary>Gradients of query, key and value, and every row's share of the prefix's.</summary>
    /// <param name="dtype">Element type of all that is not said to be float32.</param>
    /// <param name="rows">Shape, as given to the forward.</param>
    /// <param name="arrays">Arrays.</param>
    public static void Backward(DType dtype, AttentionRows rows, AttentionGradients arrays) =>
        KernelRunner.For(dtype, (long)rows.Count * rows.KeyHeads, 1, new BackwardKernel(rows, arrays));

    private readonly struct BackwardKernel(AttentionRows rows, AttentionGradients arrays) : IKernel
    {
        private readonly AttentionRows _rows = rows;
        private readonly AttentionGradients _arrays = arrays;

        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var (dim, keys) = (_rows.PaddedDim, _rows.MostKeys);
            var block = (2 * _rows.ScoreStride(keys)) + (3 * dim);
            fixed (float* scratch = KernelScratch.Floats(checked((5 * keys * dim) + (QueryBlock * block) + Lane.Width)))
            {
                for (var item = first; item < last; item++)
                {
                    var (row, keyHead) = ((int)(item / _rows.KeyHeads), (int)(item % _rows.KeyHeads));
                    var padded = AttentionRows.Padded(_rows.Keys(row));
                    var work = new Workspace(Aligned(scratch), dim, padded, _rows.ScoreStride(padded));
                    RunHead<TLane, T>(row, keyHead, work);
                }
            }
        }

        [MethodImpl(KernelRunner.Hot)]
        private void RunHead<TLane, T>(int row, int keyHead, in Workspace work)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var keys = Slice(_rows, (T*)_arrays.PrefixKey, (T*)_arrays.Key, row, keyHead);
            var values = Slice(_rows, (T*)_arrays.PrefixValue, (T*)_arrays.Value, row, keyHead);
            AttentionPanels.Pack<TLane, T>(keys, _rows.HeadDim, work.KeysAcross, work.KeysAlong);
            AttentionPanels.Pack<TLane, T>(values, _rows.HeadDim, work.ValuesAcross, null);
            new Span<float>(work.KeyGradient, work.Keys * work.Dim).Clear();
            new Span<float>(work.ValueGradient, work.Keys * work.Dim).Clear();
            for (var head = keyHead * _rows.Group; head < (keyHead + 1) * _rows.Group; head++)
            {
                for (var block = 0; block < _rows.Length(row); block += QueryBlock)
                {
                    RunBlock<TLane, T>(row, head, block, work);
                }
            }

            WriteKeys<TLane, T>(row, keyHead, work.KeyGradient, (T*)_arrays.KeyGradient, _arrays.PrefixKeyShares);
            WriteKeys<TLane, T>(row, keyHead, work.ValueGradient, (T*)_arrays.ValueGradient, _arrays.PrefixValueShares);
        }

        // dv += p^T do; dp = do v^T; ds = p * (dp - delta); dq = ds k; dk += ds^T q
        [MethodImpl(KernelRunner.Hot)]
        private void RunBlock<TLane, T>(int row, int head, int block, in Workspace work)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var dim = _rows.HeadDim;
            var count = Math.Min(QueryBlock, _rows.Length(row) - block);
            var seen = new Seen(_rows.Before(row, block), _rows.Keys(row), count);
            var (token, step) = (_rows.Starts[row] + block, (long)_rows.Heads * dim);
            var offset = (token * step) + ((long)head * dim);
            AttentionPanels.Read<TLane, T>((T*)_arrays.Query + offset, step, _rows.Scale, work.Queries, count, dim);
            AttentionPanels.Read<TLane, T>((T*)_arrays.OutputGradient + offset, step, 1f, work.OutputGradient, count, dim);
            Scores<TLane>(work.Queries, work.Dim, work.KeysAcross, work.Scores, work.Stride, seen);
            Scores<TLane>(work.OutputGradient, work.Dim, work.ValuesAcross, work.Gradients, work.Stride, seen);
            var logSums = _arrays.LogSums + ((long)head * _rows.Starts[_rows.Count]) + token;
            for (var i = 0; i < count; i++)
            {
                var at = offset + (i * step);
                var delta = Reduce.Dot<TLane, T>((T*)_arrays.OutputGradient + at, (T*)_arrays.Output + at, dim);
                var scores = work.Scores + (i * work.Stride);
                var gradients = work.Gradients + (i * work.Stride);
                _rows.Shape<TLane>(scores, row, block + i, head);
                _rows.Drop<TLane>(gradients, token + i, head);
                ScoreGradient<TLane>(scores, gradients, logSums[i], delta, seen.By(i));
                _rows.Drop<TLane>(scores, token + i, head);
            }

            var start = _arrays.PrefixKeyShares is null ? _rows.Prefix : 0;
            AddAcross<TLane>(work.Scores, work.Stride, work.OutputGradient, work.ValueGradient, work.Dim, start, seen);
            AddAcross<TLane>(work.Gradients, work.Stride, work.Queries, work.KeyGradient, work.Dim, start, seen);
            Mix<TLane>(work.Gradients, work.Stride, work.KeysAlong, work.Keys, work.Mixed, work.Dim, seen);
            for (var i = 0; i < count; i++)
            {
                var to = (T*)_arrays.QueryGradient + offset + (i * step);
                AttentionPanels.Write<TLane, T>(work.Mixed + (i * work.Dim), _rows.Scale, to, dim);
            }
        }

        [MethodImpl(KernelRunner.Hot)]
        private void WriteKeys<TLane, T>(int row, int keyHead, float* sums, T* target, float* shares)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var (dim, step, prefix) = (_rows.HeadDim, (long)_rows.KeyHeads * _rows.HeadDim, _rows.Prefix);
            var head = (long)keyHead * dim;
            for (var i = 0; shares is not null && i < prefix; i++)
            {
                var share = shares + ((((long)row * prefix) + i) * step) + head;
                AttentionPanels.Write<TLane, float>(sums + ((long)i * _rows.PaddedDim), 1f, share, dim);
            }

            for (var i = 0; i < _rows.Length(row); i++)
            {
                var own = target + ((_rows.Starts[row] + i) * step) + head;
                AttentionPanels.Write<TLane, T>(sums + ((long)(prefix + i) * _rows.PaddedDim), 1f, own, dim);
            }
        }

        // Scores become probabilities, their gradients those of the scores; zeros as far behind the visible as any tile looks.
        [MethodImpl(KernelRunner.Hot)]
        private static void ScoreGradient<TLane>(float* scores, float* gradients, float logSum, float delta, int visible)
            where TLane : struct, ILane<TLane>
        {
            var (shift, pull, zero) = (TLane.Create(logSum), TLane.Create(delta), TLane.Create(0f));
            for (var i = 0; i < visible; i += Lane.Width)
            {
                var probability = Lane.Exp(TLane.Load(scores + i) - shift);
                var gradient = probability * (TLane.Load(gradients + i) - pull);
                if (visible - i < Lane.Width)
                {
                    var seen = Lane.FirstCells<TLane>(visible - i);
                    (probability, gradient) = (TLane.Select(seen, probability, zero), TLane.Select(seen, gradient, zero));
                }

                TLane.Store(probability, scores + i);
                TLane.Store(gradient, gradients + i);
            }

            var behind = AttentionRows.Padded(visible);
            TLane.Store(zero, scores + behind);
            TLane.Store(zero, gradients + behind);
        }

        // sums[j] += sum of weights[i, j] * vectors[i] over the queries i that see key j, for the keys from start on.
        [MethodImpl(KernelRunner.Hot)]
        private static void AddAcross<TLane>(
            float* weights, int stride, float* vectors, float* sums, int dim, int start, Seen seen)
            where TLane : struct, ILane<TLane>
        {
            var all = (Math.Max(0, seen.ByAll - start) / AttentionProduct.Tile * AttentionProduct.Tile) + start;
            for (var column = 0; column < dim; column += Lane.Width)
            {
                var factor = new Factor(weights + start, 1, stride);
                AttentionProduct.Column<TLane>(
                    factor, vectors + column, dim, sums + ((long)start * dim) + column, dim, all - start, seen.Count, add: true);
                for (var key = all; key < seen.ByAny; key += AttentionProduct.Tile)
                {
                    var (first, tile) = (seen.FirstQuery(key), Math.Min(AttentionProduct.Tile, seen.ByAny - key));
                    factor = new Factor(weights + (first * stride) + key, 1, stride);
                    var right = vectors + (first * dim) + column;
                    var to = sums + ((long)key * dim) + column;
                    AttentionProduct.Column<TLane>(factor, right, dim, to, dim, tile, seen.Count - first, add: true);
                }
            }
        }
    }

    private readonly struct Workspace
    {
        public Workspace(float* memory, int dim, int keys, int stride)
        {
            (Dim, Keys, Stride) = (dim, keys, stride);
            var (matrix, block) = (keys * dim, QueryBlock * dim);
            KeysAcross = memory;
            KeysAlong = KeysAcross + matrix;
            ValuesAcross = KeysAlong + matrix;
            KeyGradient = ValuesAcross + matrix;
            ValueGradient = KeyGradient + matrix;
            Queries = ValueGradient + matrix;
            OutputGradient = Queries + block;
            Mixed = OutputGradient + block;
            Scores = Mixed + block;
            Gradients = Scores + (QueryBlock * Stride);
        }

        public int Dim { get; }

        public int Keys { get; }

        public int Stride { get; }

        public float* KeysAcross { get; }

        public float* KeysAlong { get; }

        public float* ValuesAcross { get; }

        public float* KeyGradient { get; }

        public float* ValueGradient { get; }

        public float* Queries { get; }

        public float* OutputGradient { get; }

        public float* Mixed { get; }

        public float* Scores { get; }

        public float* Gradients { get; }
    }
}
