using System.Buffers;
using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Normalisation of rows to mean 0 and variance 1, with weight and bias, and its gradient.</summary>
/// <remarks>Ba, Kiros and Hinton 2016 (arXiv 1607.06450). Arithmetic is float32; the result is rounded once, as PyTorch does.</remarks>
internal static unsafe class LayerNorm
{
    private const long GrainElements = 16 * 1024;

    // Rows whose weight gradients are summed together: the cut decides the bits, so it depends on the number of rows alone.
    private const int MostBlocks = 64;
    private const int FewestRowsInBlock = 8;

    /// <summary>y = (x - mean) * rstd * weight + bias, with rstd = 1 / sqrt(variance + epsilon).</summary>
    /// <param name="dtype">Element type of x, weight, bias and y.</param>
    /// <param name="x">[rows, columns], contiguous.</param>
    /// <param name="weight">[columns].</param>
    /// <param name="bias">[columns].</param>
    /// <param name="y">Result [rows, columns]; may be x.</param>
    /// <param name="moments">[rows, 2] mean and rstd, written for the backward.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="epsilon">Added to the variance.</param>
    public static void Forward(
        DType dtype, void* x, void* weight, void* bias, void* y, float* moments, long rows, int columns, float epsilon) =>
        KernelRunner.For(
            dtype, rows, KernelRunner.Grain(GrainElements, columns), new ForwardKernel(x, weight, bias, y, moments, columns, epsilon));

    /// <summary>Gradients of x and, where wanted, of weight and bias.</summary>
    /// <param name="dtype">Element type of x, weight, dy and dx.</param>
    /// <param name="x">As given to the forward.</param>
    /// <param name="weight">As given to the forward.</param>
    /// <param name="moments">As the forward wrote them.</param>
    /// <param name="dy">Gradient of y, contiguous.</param>
    /// <param name="dx">Gradient of x [rows, columns]; may be dy or x.</param>
    /// <param name="dWeightAndBias">Gradients of weight and bias [2, columns] in float32, overwritten; null when they are not
    /// wanted.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    public static void Backward(
        DType dtype, void* x, void* weight, float* moments, void* dy, void* dx, float* dWeightAndBias, long rows, int columns)
    {
        if (dWeightAndBias is null)
        {
            var each = KernelRunner.Grain(GrainElements, columns);
            KernelRunner.For(dtype, (rows + each - 1) / each, 1, new BackwardKernel(x, weight, moments, dy, dx, null, each, rows, columns));
            return;
        }

        var rowsInBlock = Math.Max(FewestRowsInBlock, (rows + MostBlocks - 1) / MostBlocks);
        var blocks = (rows + rowsInBlock - 1) / rowsInBlock;
        var sums = ArrayPool<float>.Shared.Rent(checked((int)Math.Max(1, 2 * blocks * columns)));
        fixed (float* partial = sums)
        {
            KernelRunner.For(dtype, blocks, 1, new BackwardKernel(x, weight, moments, dy, dx, partial, rowsInBlock, rows, columns));
            ColumnSum.Run(partial, dWeightAndBias, blocks, 2 * columns);
        }

        ArrayPool<float>.Shared.Return(sums);
    }

    private readonly struct ForwardKernel(void* x, void* weight, void* bias, void* y, float* moments, int columns, float epsilon) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var row = first; row < last; row++)
            {
                var from = (T*)x + (row * columns);
                var mean = Reduce.Sum<TLane, T>(from, columns) / columns;
                var scale = 1f / MathF.Sqrt((Reduce.SumOfSquares<TLane, T>(from, mean, columns) / columns) + epsilon);
                (moments[2 * row], moments[(2 * row) + 1]) = (mean, scale);
                Normalise<TLane, T>(from, (T*)y + (row * columns), mean, scale);
            }
        }

        [MethodImpl(KernelRunner.Hot)]
        private void Normalise<TLane, T>(T* from, T* to, float mean, float rstd)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var (middle, scale) = (TLane.Create(mean), TLane.Create(rstd));
            T* w = (T*)weight, b = (T*)bias;
            var i = 0;
            for (; i <= columns - Lane.Width; i += Lane.Width)
            {
                var normal = (Lane.Load<TLane, T>(from + i) - middle) * scale;
                Lane.Store(TLane.FusedMultiplyAdd(normal, Lane.Load<TLane, T>(w + i), Lane.Load<TLane, T>(b + i)), to + i);
            }

            if (i < columns)
            {
                var rest = columns - i;
                var normal = (Lane.LoadPart<TLane, T>(from + i, rest) - middle) * scale;
                var (factor, shift) = (Lane.LoadPart<TLane, T>(w + i, rest), Lane.LoadPart<TLane, T>(b + i, rest));
                Lane.StorePart(TLane.FusedMultiplyAdd(normal, factor, shift), to + i, rest);
            }
        }
    }

    private readonly struct BackwardKernel(
        void* x, void* weight, float* moments, void* dy, void* dx, float* partial, long rowsInBlock, long rows, int columns) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var block = first; block < last; block++)
            {
                var sums = partial is null ? null : partial + (2 * block * columns);
                if (sums is not null)
                {
                    new Span<float>(sums, 2 * columns).Clear();
                }

                var end = Math.Min(rows, (block + 1) * rowsInBlock);
                for (var row = block * rowsInBlock; row < end; row++)
                {
                    var from = (T*)x + (row * columns);
                    var gradient = (T*)dy + (row * columns);
                    if (sums is not null)
                    {
                        AddParameterGradients<TLane, T>(from, gradient, moments + (2 * row), sums);
                    }

                    InputGradient<TLane, T>(from, gradient, moments + (2 * row), (T*)dx + (row * columns));
                }
            }
        }

        [MethodImpl(KernelRunner.Hot)]
        private void AddParameterGradients<TLane, T>(T* from, T* gradient, float* moment, float* sums)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var (mean, scale) = (TLane.Create(moment[0]), TLane.Create(moment[1]));
            var biasSums = sums + columns;
            var i = 0;
            for (; i <= columns - Lane.Width; i += Lane.Width)
            {
                var normal = (Lane.Load<TLane, T>(from + i) - mean) * scale;
                var dyHere = Lane.Load<TLane, T>(gradient + i);
                TLane.Store(TLane.FusedMultiplyAdd(dyHere, normal, TLane.Load(sums + i)), sums + i);
                TLane.Store(dyHere + TLane.Load(biasSums + i), biasSums + i);
            }

            if (i < columns)
            {
                var rest = columns - i;
                var normal = (Lane.LoadPart<TLane, T>(from + i, rest) - mean) * scale;
                var dyHere = Lane.LoadPart<TLane, T>(gradient + i, rest);
                Lane.StorePart(TLane.FusedMultiplyAdd(dyHere, normal, Lane.LoadPart<TLane, float>(sums + i, rest)), sums + i, rest);
                Lane.StorePart(dyHere + Lane.LoadPart<TLane, float>(biasSums + i, rest), biasSums + i, rest);
            }
        }

        // With g = dy * weight and n the normalised x: dx = rstd * (g - mean(g) - n * mean(g * n)).
        [MethodImpl(KernelRunner.Hot)]
        private void InputGradient<TLane, T>(T* from, T* gradient, float* moment, T* to)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var factors = (T*)weight;
            var (mean, scale) = (TLane.Create(moment[0]), TLane.Create(moment[1]));
            var (straight, turned) = (TLane.Create(0f), TLane.Create(0f));
            var i = 0;
            for (; i <= columns - Lane.Width; i += Lane.Width)
            {
                var g = Lane.Load<TLane, T>(gradient + i) * Lane.Load<TLane, T>(factors + i);
                straight += g;
                turned = TLane.FusedMultiplyAdd(g, (Lane.Load<TLane, T>(from + i) - mean) * scale, turned);
            }

            if (i < columns)
            {
                var rest = columns - i;
                var g = Lane.LoadPart<TLane, T>(gradient + i, rest) * Lane.LoadPart<TLane, T>(factors + i, rest);
                straight += g;
                turned = TLane.FusedMultiplyAdd(g, (Lane.LoadPart<TLane, T>(from + i, rest) - mean) * scale, turned);
            }

            var (shift, pull) = (TLane.Create(TLane.Sum(straight) / columns), TLane.Create(-(TLane.Sum(turned) / columns)));
            for (i = 0; i <= columns - Lane.Width; i += Lane.Width)
            {
                var g = Lane.Load<TLane, T>(gradient + i) * Lane.Load<TLane, T>(factors + i);
                var normal = (Lane.Load<TLane, T>(from + i) - mean) * scale;
                Lane.Store(TLane.FusedMultiplyAdd(normal, pull, g - shift) * scale, to + i);
            }

            if (i < columns)
            {
                var rest = columns - i;
                var g = Lane.LoadPart<TLane, T>(gradient + i, rest) * Lane.LoadPart<TLane, T>(factors + i, rest);
                var normal = (Lane.LoadPart<TLane, T>(from + i, rest) - mean) * scale;
                Lane.StorePart(TLane.FusedMultiplyAdd(normal, pull, g - shift) * scale, to + i, rest);
            }
        }
    }
}
