using System.Buffers;
using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Root-mean-square normalisation of rows, and its gradient.</summary>
/// <remarks>
/// Zhang and Sennrich 2019, in the order of Hugging Face's LLaMA: x / rms(x) in float32, rounded to the element type, then times the
/// weight.
/// </remarks>
internal static unsafe class RmsNorm
{
    private const long GrainElements = 16 * 1024;

    // Rows whose weight gradients are summed together: the cut decides the bits, so it depends on the number of rows alone.
    private const int MostBlocks = 64;
    private const int FewestRowsInBlock = 8;

    /// <summary>y = round(x * rstd) * weight, with rstd = 1 / sqrt(mean(x^2) + epsilon).</summary>
    /// <param name="dtype">Element type of x, weight and y.</param>
    /// <param name="x">[rows, columns], contiguous.</param>
    /// <param name="weight">[columns].</param>
    /// <param name="y">Result [rows, columns]; may be x.</param>
    /// <param name="rstd">[rows], written for the backward.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    public static void Forward(DType dtype, void* x, void* weight, void* y, float* rstd, long rows, int columns, float epsilon) =>
        KernelRunner.For(
            dtype, rows, KernelRunner.Grain(GrainElements, columns), new ForwardKernel(x, weight, y, rstd, columns, epsilon));

    /// <summary>Gradients of x and, where wanted, of the weight.</summary>
    /// <param name="dtype">Element type of x, weight, dy and dx.</param>
    /// <param name="x">As given to the forward.</param>
    /// <param name="weight">As given to the forward.</param>
    /// <param name="rstd">As the forward wrote it.</param>
    /// <param name="dy">Gradient of y, contiguous.</param>
    /// <param name="dx">Gradient of x [rows, columns]; may be dy or x.</param>
    /// <param name="dWeight">Gradient of the weight [columns] in float32, overwritten; null when it is not wanted.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    public static void Backward(
        DType dtype, void* x, void* weight, float* rstd, void* dy, void* dx, float* dWeight, long rows, int columns)
    {
        if (dWeight is null)
        {
            var each = KernelRunner.Grain(GrainElements, columns);
            KernelRunner.For(dtype, (rows + each - 1) / each, 1, new BackwardKernel(x, weight, rstd, dy, dx, null, each, rows, columns));
            return;
        }

        var rowsInBlock = Math.Max(FewestRowsInBlock, (rows + MostBlocks - 1) / MostBlocks);
        var blocks = (rows + rowsInBlock - 1) / rowsInBlock;
        var sums = ArrayPool<float>.Shared.Rent(checked((int)Math.Max(1, blocks * columns)));
        fixed (float* partial = sums)
        {
            KernelRunner.For(dtype, blocks, 1, new BackwardKernel(x, weight, rstd, dy, dx, partial, rowsInBlock, rows, columns));
            ColumnSum.Run(partial, dWeight, blocks, columns);
        }

        ArrayPool<float>.Shared.Return(sums);
    }

    private readonly struct ForwardKernel(void* x, void* weight, void* y, float* rstd, int columns, float epsilon) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var row = first; row < last; row++)
            {
                var from = (T*)x + (row * columns);
                var scale = 1f / MathF.Sqrt((Reduce.SumOfSquares<TLane, T>(from, columns) / columns) + epsilon);
                rstd[row] = scale;
                Normalise<TLane, T>(from, (T*)weight, (T*)y + (row * columns), scale, columns);
            }
        }

        [MethodImpl(KernelRunner.Hot)]
        private static void Normalise<TLane, T>(T* x, T* weight, T* y, float rstd, int columns)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var scale = TLane.Create(rstd);
            var i = 0;
            for (; i <= columns - Lane.Width; i += Lane.Width)
            {
                Lane.Store(Lane.RoundTo<TLane, T>(Lane.Load<TLane, T>(x + i) * scale) * Lane.Load<TLane, T>(weight + i), y + i);
            }

            if (i < columns)
            {
                var rest = columns - i;
                var normal = Lane.RoundTo<TLane, T>(Lane.LoadPart<TLane, T>(x + i, rest) * scale);
                Lane.StorePart(normal * Lane.LoadPart<TLane, T>(weight + i, rest), y + i, rest);
            }
        }
    }

    private readonly struct BackwardKernel(
        void* x, void* weight, float* rstd, void* dy, void* dx, float* partial, long rowsInBlock, long rows, int columns) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var block = first; block < last; block++)
            {
                var sums = partial is null ? null : partial + (block * columns);
                if (sums is not null)
                {
                    new Span<float>(sums, columns).Clear();
                }

                var end = Math.Min(rows, (block + 1) * rowsInBlock);
                for (var row = block * rowsInBlock; row < end; row++)
                {
                    var from = (T*)x + (row * columns);
                    var gradient = (T*)dy + (row * columns);
                    if (sums is not null)
                    {
                        AddWeightGradient<TLane, T>(from, gradient, rstd[row], sums, columns);
                    }

                    var dot = Reduce.Dot<TLane, T>(from, gradient, (T*)weight, columns);
                    InputGradient<TLane, T>(from, gradient, (T*)weight, (T*)dx + (row * columns), rstd[row], dot, columns);
                }
            }
        }

        [MethodImpl(KernelRunner.Hot)]
        private static void AddWeightGradient<TLane, T>(T* x, T* dy, float rstd, float* sums, int columns)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var scale = TLane.Create(rstd);
            var i = 0;
            for (; i <= columns - Lane.Width; i += Lane.Width)
            {
                var normal = Lane.RoundTo<TLane, T>(Lane.Load<TLane, T>(x + i) * scale);
                TLane.Store(TLane.FusedMultiplyAdd(Lane.Load<TLane, T>(dy + i), normal, TLane.Load(sums + i)), sums + i);
            }

            if (i < columns)
            {
                var rest = columns - i;
                var normal = Lane.RoundTo<TLane, T>(Lane.LoadPart<TLane, T>(x + i, rest) * scale);
                var sum = Lane.LoadPart<TLane, float>(sums + i, rest);
                Lane.StorePart(TLane.FusedMultiplyAdd(Lane.LoadPart<TLane, T>(dy + i, rest), normal, sum), sums + i, rest);
            }
        }

        // dx = rstd * (dy * weight - x * rstd^2 * mean(x * dy * weight))
        [MethodImpl(KernelRunner.Hot)]
        private static void InputGradient<TLane, T>(T* x, T* dy, T* weight, T* dx, float rstd, float dot, int columns)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var scale = TLane.Create(rstd);
            var pull = TLane.Create(-(rstd * (rstd * (dot / columns))));
            var i = 0;
            for (; i <= columns - Lane.Width; i += Lane.Width)
            {
                var straight = Lane.Load<TLane, T>(dy + i) * Lane.Load<TLane, T>(weight + i);
                Lane.Store(TLane.FusedMultiplyAdd(Lane.Load<TLane, T>(x + i), pull, straight) * scale, dx + i);
            }

            if (i < columns)
            {
                var rest = columns - i;
                var straight = Lane.LoadPart<TLane, T>(dy + i, rest) * Lane.LoadPart<TLane, T>(weight + i, rest);
                Lane.StorePart(TLane.FusedMultiplyAdd(Lane.LoadPart<TLane, T>(x + i, rest), pull, straight) * scale, dx + i, rest);
            }
        }
    }
}
