using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Softmax of attention scores under a mask, in place, and its gradient.</summary>
/// <remarks>What a query may not see is exactly zero, whatever stood there; a query that sees nothing gets zeros.</remarks>
internal static unsafe class MaskedSoftmax
{
    private const long GrainElements = 8 * 1024;

    /// <summary>scores = softmax(scale * scores + bias) over the visible keys.</summary>
    /// <param name="dtype">Element type of the scores.</param>
    /// <param name="scores">[matrices, queries, keys], overwritten with the probabilities.</param>
    /// <param name="mask">Shape and mask.</param>
    public static void Forward(DType dtype, void* scores, in AttentionMask mask) =>
        KernelRunner.For(
            dtype, mask.Matrices * mask.Queries, KernelRunner.Grain(GrainElements, mask.Keys), new ForwardKernel(scores, mask));

    /// <summary>Gradient of the scores: p * (dp - sum(dp * p)) * scale.</summary>
    /// <param name="dtype">Element type of both arrays.</param>
    /// <param name="probabilities">As the forward left them.</param>
    /// <param name="gradient">Gradient of the probabilities, overwritten with that of the scores.</param>
    /// <param name="mask">As given to the forward.</param>
    public static void Backward(DType dtype, void* probabilities, void* gradient, in AttentionMask mask) =>
        KernelRunner.For(
            dtype,
            mask.Matrices * mask.Queries,
            KernelRunner.Grain(GrainElements, mask.Keys),
            new BackwardKernel(probabilities, gradient, mask));

    private readonly struct ForwardKernel(void* scores, AttentionMask mask) : IKernel
    {
        private readonly AttentionMask _mask = mask;

        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            fixed (float* scratch = KernelScratch.Floats(_mask.Keys + Lane.Width))
            {
                for (var row = first; row < last; row++)
                {
                    var (matrix, query) = Math.DivRem(row, _mask.Queries);
                    var (from, end) = _mask.Visible(matrix, (int)query);
                    var to = (T*)scores + (row * _mask.Keys);
                    if (from == end)
                    {
                        new Span<T>(to, _mask.Keys).Clear();
                        continue;
                    }

                    var slope = _mask.Slopes is null ? 0f : _mask.Slopes[matrix % _mask.Heads];
                    var bias = _mask.Bias is null ? null : _mask.Bias + (query * _mask.Keys) + from;
                    var distance = (float)(from - query - _mask.Offset);
                    var (count, room) = (end - from, _mask.Keys - from);
                    var largest = Prepare<TLane, T>(to + from, bias, slope, distance, scratch, count, room);
                    var sum = ExpInPlace<TLane>(scratch, largest, count);
                    Multiply<TLane, T>(scratch, 1f / sum, to + from, count, room);
                    new Span<T>(to, from).Clear();
                    new Span<T>(to + end, _mask.Keys - end).Clear();
                }
            }
        }

        // Scores with scale and biases to float32, and the largest of them. The last lane is filled up with minus infinity. Where the row
        // goes on
        // for its length ("room"), hidden scores are read with it and put aside, which is quicker than reading single elements.
        [MethodImpl(KernelRunner.Hot)]
        private float Prepare<TLane, T>(T* row, float* bias, float slope, float distance, float* target, int count, int room)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var nothing = TLane.Create(float.NegativeInfinity);
            var largest = nothing;
            var i = 0;
            for (; i <= count - Lane.Width; i += Lane.Width)
            {
                var value = Tilted(Lane.Load<TLane, T>(row + i), slope, distance + i);
                value = bias is null ? value : value + TLane.Load(bias + i);
                TLane.Store(value, target + i);
                largest = TLane.Max(largest, value);
            }

            if (i < count)
            {
                var whole = i <= room - Lane.Width;
                var value = whole ? Lane.Load<TLane, T>(row + i) : Lane.LoadPart<TLane, T>(row + i, count - i);
                value = Tilted(value, slope, distance + i);
                if (bias is not null)
                {
                    value += whole ? TLane.Load(bias + i) : Lane.LoadPart<TLane, float>(bias + i, count - i);
                }

                value = TLane.Select(Lane.FirstCells<TLane>(count - i), value, nothing);
                TLane.Store(value, target + i);
                largest = TLane.Max(largest, value);
            }

            return TLane.Largest(largest);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private TLane Tilted<TLane>(TLane score, float slope, float distance)
            where TLane : struct, ILane<TLane>
        {
            var value = score * TLane.Create(_mask.Scale);
            return slope == 0f
                ? value
                : value + (TLane.Create(slope) * (TLane.ToFloat(Lane.Iota<TLane>()) + TLane.Create(distance)));
        }

        [MethodImpl(KernelRunner.Hot)]
        private static float ExpInPlace<TLane>(float* values, float largest, int count)
            where TLane : struct, ILane<TLane>
        {
            // Every score may be minus infinity by the bias: then none is visible after all.
            var shift = TLane.Create(largest == float.NegativeInfinity ? 0f : largest);
            var sum = TLane.Create(0f);
            for (var i = 0; i < count; i += Lane.Width)
            {
                var power = Lane.Exp(TLane.Load(values + i) - shift);
                TLane.Store(power, values + i);
                sum += power;
            }

            var total = TLane.Sum(sum);
            return total == 0f ? 1f : total;
        }

        [MethodImpl(KernelRunner.Hot)]
        private static void Multiply<TLane, T>(float* values, float factor, T* target, int count, int room)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var scale = TLane.Create(factor);
            var i = 0;
            for (; i < count && i <= room - Lane.Width; i += Lane.Width)
            {
                Lane.Store(TLane.Load(values + i) * scale, target + i);
            }

            if (i < count)
            {
                Lane.StorePart(TLane.Load(values + i) * scale, target + i, count - i);
            }
        }
    }

    private readonly struct BackwardKernel(void* probabilities, void* gradient, AttentionMask mask) : IKernel
    {
        private readonly AttentionMask _mask = mask;

        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var row = first; row < last; row++)
            {
                var (matrix, query) = Math.DivRem(row, _mask.Queries);
                var (from, end) = _mask.Visible(matrix, (int)query);
                var p = (T*)probabilities + (row * _mask.Keys);
                var d = (T*)gradient + (row * _mask.Keys);
                new Span<T>(d, from).Clear();
                new Span<T>(d + end, _mask.Keys - end).Clear();
                var dot = Reduce.Dot<TLane, T>(p + from, d + from, end - from);
                Combine<TLane, T>(p + from, d + from, dot, _mask.Scale, end - from);
            }
        }

        [MethodImpl(KernelRunner.Hot)]
        private static void Combine<TLane, T>(T* p, T* d, float dot, float scale, int count)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var (shift, factor) = (TLane.Create(dot), TLane.Create(scale));
            var i = 0;
            for (; i <= count - Lane.Width; i += Lane.Width)
            {
                Lane.Store(Lane.Load<TLane, T>(p + i) * (Lane.Load<TLane, T>(d + i) - shift) * factor, d + i);
            }

            if (i < count)
            {
                var rest = count - i;
                Lane.StorePart(Lane.LoadPart<TLane, T>(p + i, rest) * (Lane.LoadPart<TLane, T>(d + i, rest) - shift) * factor, d + i, rest);
            }
        }
    }
}
