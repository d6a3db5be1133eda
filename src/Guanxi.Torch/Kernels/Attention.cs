using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Attention over rows laid end to end; scores live in the cache only.</summary>
/// <remarks>
/// A block of queries meets all keys that it sees at once, so the softmax needs no second correction; the backward computes the
/// probabilities again from the logarithm of their sum (Dao et al. 2022, arXiv 2205.14135).
/// </remarks>
internal static unsafe partial class Attention
{
    // A multiple of the product's tile; its scores and vectors stay in the innermost caches up to some hundred keys.
    private const int QueryBlock = 24;

    // Enough parts that threads of unequal speed end together; with fewer, the heads of a group are cut apart.
    private const int PartsPerThread = 2;

    /// <summary>output = softmax(scale * q k^T, masked) v.</summary>
    /// <param name="dtype">Element type of all but the logarithms.</param>
    /// <param name="rows">Shape.</param>
    /// <param name="query">[tokens, heads, dim], contiguous like all arrays.</param>
    /// <param name="key">[tokens, key heads, dim].</param>
    /// <param name="value">[tokens, key heads, dim].</param>
    /// <param name="prefixKey">[prefix, key heads, dim]; unused without a prefix.</param>
    /// <param name="prefixValue">[prefix, key heads, dim].</param>
    /// <param name="output">Result [tokens, heads, dim].</param>
    /// <param name="logSums">Result [heads, tokens]: logarithm of the sum of the powers, for the backward.</param>
    public static void Forward(
        DType dtype,
        AttentionRows rows,
        void* query,
        void* key,
        void* value,
        void* prefixKey,
        void* prefixValue,
        void* output,
        float* logSums)
    {
        var groups = (long)rows.Count * rows.KeyHeads;
        var grain = groups >= PartsPerThread * KernelThreads.Count ? rows.Group : 1;
        var kernel = new ForwardKernel(rows, query, key, value, prefixKey, prefixValue, output, logSums);
        KernelRunner.For(dtype, groups * rows.Group, grain, kernel);
    }

    private static float* Aligned(float* scratch) => (float*)(((nint)scratch + 63) & ~63);

    private readonly struct ForwardKernel(
        AttentionRows rows, void* query, void* key, void* value, void* prefixKey, void* prefixValue, void* output, float* logSums) : IKernel
    {
        private readonly AttentionRows _rows = rows;

        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var (dim, keys) = (_rows.PaddedDim, _rows.MostKeys);
            var scoresSize = QueryBlock * _rows.ScoreStride(keys);
            fixed (float* scratch = KernelScratch.Floats(checked((2 * keys * dim) + (2 * QueryBlock * dim) + scoresSize + Lane.Width)))
            {
                var keysAcross = Aligned(scratch);
                var valuesAlong = keysAcross + (keys * dim);
                var queries = valuesAlong + (keys * dim);
                var packed = -1L;
                for (var item = first; item < last; item++)
                {
                    var (row, head) = ((int)(item / _rows.Heads), (int)(item % _rows.Heads));
                    if (packed != item / _rows.Group)
                    {
                        packed = item / _rows.Group;
                        AttentionPanels.Pack<TLane, T>(Vectors((T*)prefixKey, (T*)key, row, head), _rows.HeadDim, keysAcross, null);
                        AttentionPanels.Pack<TLane, T>(Vectors((T*)prefixValue, (T*)value, row, head), _rows.HeadDim, null, valuesAlong);
                    }

                    for (var block = 0; block < _rows.Length(row); block += QueryBlock)
                    {
                        Attend<TLane, T>(row, head, block, queries, keysAcross, valuesAlong);
                    }
                }
            }
        }

        private AttentionPanels.Source<T> Vectors<T>(T* prefix, T* own, int row, int head)
            where T : unmanaged => Slice(_rows, prefix, own, row, head / _rows.Group);

        [MethodImpl(KernelRunner.Hot)]
        private void Attend<TLane, T>(int row, int head, int block, float* queries, float* keysAcross, float* valuesAlong)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var (length, dim, paddedDim) = (_rows.Length(row), _rows.HeadDim, _rows.PaddedDim);
            var count = Math.Min(QueryBlock, length - block);
            var token = _rows.Starts[row] + block;
            var mixed = queries + (QueryBlock * paddedDim);
            var scores = mixed + (QueryBlock * paddedDim);
            var seen = new Seen(_rows.Before(row, block), _rows.Keys(row), count);
            var keys = AttentionRows.Padded(seen.Keys);
            var stride = _rows.ScoreStride(keys);
            var vectors = ((long)token * _rows.Heads) + head;
            AttentionPanels.Read<TLane, T>(
                (T*)query + (vectors * dim), (long)_rows.Heads * dim, _rows.Scale, queries, count, dim);
            Scores<TLane>(queries, paddedDim, keysAcross, scores, stride, seen);
            var inverses = stackalloc float[QueryBlock];
            for (var i = 0; i < count; i++)
            {
                _rows.Shape<TLane>(scores + (i * stride), row, block + i, head);
                var (largest, sum) = Exponentiate<TLane>(scores + (i * stride), seen.By(i));
                _rows.Drop<TLane>(scores + (i * stride), token + i, head);
                inverses[i] = 1f / sum;
                logSums[((long)head * _rows.Starts[_rows.Count]) + token + i] = largest + MathF.Log(sum);
            }

            Mix<TLane>(scores, stride, valuesAlong, keys, mixed, paddedDim, seen);
            for (var i = 0; i < count; i++)
            {
                var to = (T*)output + ((vectors + ((long)i * _rows.Heads)) * dim);
                AttentionPanels.Write<TLane, T>(mixed + (i * paddedDim), inverses[i], to, dim);
            }
        }

        // e^(score - largest) over the visible scores, and zeros as far behind them as any tile looks.
        [MethodImpl(KernelRunner.Hot)]
        private static (float Largest, float Sum) Exponentiate<TLane>(float* scores, int visible)
            where TLane : struct, ILane<TLane>
        {
            var last = (visible - 1) / Lane.Width * Lane.Width;
            var nothing = TLane.Create(float.NegativeInfinity);
            TLane.Store(TLane.Select(Lane.FirstCells<TLane>(visible - last), TLane.Load(scores + last), nothing), scores + last);
            TLane.Store(TLane.Create(0f), scores + last + Lane.Width);
            var most = nothing;
            for (var i = 0; i <= last; i += Lane.Width)
            {
                most = TLane.Max(most, TLane.Load(scores + i));
            }

            var largest = TLane.Largest(most);
            var (shift, sum) = (TLane.Create(largest), TLane.Create(0f));
            for (var i = 0; i <= last; i += Lane.Width)
            {
                var power = Lane.Exp(TLane.Load(scores + i) - shift);
                TLane.Store(power, scores + i);
                sum += power;
            }

            return (largest, TLane.Sum(sum));
        }
    }

    private static AttentionPanels.Source<T> Slice<T>(in AttentionRows rows, T* prefix, T* own, int row, int keyHead)
        where T : unmanaged
    {
        var stride = (long)rows.KeyHeads * rows.HeadDim;
        var head = (long)keyHead * rows.HeadDim;
        return new(prefix + head, own + (rows.Starts[row] * stride) + head, rows.Prefix, rows.Prefix + rows.Length(row), stride);
    }

    /// <summary>Which keys a block of queries sees: the first one sees <paramref name="before"/> + 1 of them and every other one more,
    /// until all are seen.</summary>
    /// <param name="before">Keys that the first query sees before its own.</param>
    /// <param name="keys">All keys.</param>
    /// <param name="count">Queries.</param>
    private readonly struct Seen(int before, int keys, int count)
    {
        public int Keys => keys;

        public int Count => count;

        /// <summary>Keys that any query of the block sees.</summary>
        public int ByAny => Math.Min(before + count, keys);

        /// <summary>Keys that all its queries see.</summary>
        public int ByAll => Math.Min(before + 1, keys);

        /// <summary>Keys that one query sees.</summary>
        public int By(int query) => Math.Min(before + query + 1, keys);

        /// <summary>The first query that sees a key.</summary>
        public int FirstQuery(int key) => Math.Max(0, key - before);
    }

    /// <summary>scores[i, j] = left[i] . right[j] for all j that i sees, and some more to fill the tiles.</summary>
    [MethodImpl(KernelRunner.Hot)]
    private static void Scores<TLane>(float* left, int dim, float* across, float* scores, int stride, Seen seen)
        where TLane : struct, ILane<TLane>
    {
        for (var key = 0; key < seen.ByAny; key += Lane.Width)
        {
            var first = seen.FirstQuery(key);
            var factor = new Factor(left + (first * dim), dim, 1);
            var to = scores + (first * stride) + key;
            AttentionProduct.Column<TLane>(factor, across + (key * dim), Lane.Width, to, stride, seen.Count - first, dim, add: false);
        }
    }

    /// <summary>mixed[i] = sum of weights[i, j] * right[j] over all j that i sees.</summary>
    [MethodImpl(KernelRunner.Hot)]
    private static void Mix<TLane>(float* weights, int stride, float* along, int keys, float* mixed, int dim, Seen seen)
        where TLane : struct, ILane<TLane>
    {
        for (var column = 0; column < dim; column += Lane.Width, along += keys * Lane.Width)
        {
            for (var i = 0; i < seen.Count; i += AttentionProduct.Tile)
            {
                var tile = Math.Min(AttentionProduct.Tile, seen.Count - i);
                var factor = new Factor(weights + (i * stride), stride, 1);
                AttentionProduct.Column<TLane>(
                    factor, along, Lane.Width, mixed + (i * dim) + column, dim, tile, seen.By(i + tile - 1), add: false);
            }
        }
    }
}
