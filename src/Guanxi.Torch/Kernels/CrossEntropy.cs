using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Cross-entropy of rows of logits against one target each, and its gradient.</summary>
internal static unsafe class CrossEntropy
{
    private const long GrainElements = 8 * 1024;

    // Elements summed in float32; sums of blocks are added in double precision.
    private const int SumBlock = 2048;

    /// <summary>Minus log softmax at the target, and where wanted its gradient, softmax - one-hot.</summary>
    /// <param name="dtype">Element type of logits and gradient.</param>
    /// <param name="logits">[rows, vocabulary].</param>
    /// <param name="targets">[rows], each in [0, vocabulary).</param>
    /// <param name="losses">[rows].</param>
    /// <param name="gradient">[rows, vocabulary]; may be the logits; null when it is not wanted.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="vocabulary">Columns.</param>
    /// <param name="smoothing">Share of the target's weight that is spread over the vocabulary, as in torch; 0 for none.</param>
    public static void Run(
        DType dtype, void* logits, long* targets, float* losses, void* gradient, long rows, int vocabulary, double smoothing)
    {
        var kernel = new Kernel(logits, targets, losses, gradient, vocabulary, smoothing);
        KernelRunner.For(dtype, rows, KernelRunner.Grain(GrainElements, vocabulary), kernel);
    }

    private readonly struct Kernel(
        void* logits, long* targets, float* losses, void* gradient, int vocabulary, double smoothing) : IKernel
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var row = first; row < last; row++)
            {
                var to = gradient is null ? null : (T*)gradient + (row * vocabulary);
                losses[row] = Row<TLane, T>((T*)logits + (row * vocabulary), (int)targets[row], to);
            }
        }

        // The gradient may lie over the logits, so what the loss needs of them is read first.
        [MethodImpl(KernelRunner.Hot)]
        private float Row<TLane, T>(T* from, int target, T* to)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var largest = Largest<TLane, T>(from, vocabulary);
            double logit = TLane.Sum(Lane.LoadPart<TLane, T>(from + target, 1));
            var sum = SumOfPowers<TLane, T>(from, largest, vocabulary);
            var logSum = Math.Log(sum) + largest;
            var loss = logSum - logit;
            var spread = smoothing / vocabulary;
            if (spread > 0)
            {
                loss = ((1 - smoothing) * loss) + (spread * ((vocabulary * logSum) - Sum<TLane, T>(from, vocabulary)));
            }

            if (to is not null)
            {
                var atTarget = (Math.Exp(logit - largest) / sum) - (1 - smoothing) - spread;
                Softmax<TLane, T>(from, largest, (float)(1 / sum), (float)-spread, to, vocabulary);
                Lane.StorePart(TLane.Create((float)atTarget), to + target, 1);
            }

            return (float)loss;
        }

        [MethodImpl(KernelRunner.Hot)]
        private static float Largest<TLane, T>(T* x, int count)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var largest = TLane.Create(float.NegativeInfinity);
            var i = 0;
            for (; i <= count - Lane.Width; i += Lane.Width)
            {
                largest = TLane.Max(largest, Lane.Load<TLane, T>(x + i));
            }

            if (i < count)
            {
                var value = Lane.LoadPart<TLane, T>(x + i, count - i);
                largest = TLane.Max(largest, TLane.Select(Lane.FirstCells<TLane>(count - i), value, largest));
            }

            return TLane.Largest(largest);
        }

        [MethodImpl(KernelRunner.Hot)]
        private static double SumOfPowers<TLane, T>(T* x, float largest, int count)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var shift = TLane.Create(largest);
            var total = 0.0;
            for (var start = 0; start < count; start += SumBlock)
            {
                var end = Math.Min(count, start + SumBlock);
                var sum = TLane.Create(0f);
                var i = start;
                for (; i <= end - Lane.Width; i += Lane.Width)
                {
                    sum += Lane.Exp(Lane.Load<TLane, T>(x + i) - shift);
                }

                if (i < end)
                {
                    sum += Lane.Exp(Lane.LoadPart<TLane, T>(x + i, end - i) - shift) & Lane.FirstCells<TLane>(end - i);
                }

                total += TLane.Sum(sum);
            }

            return total;
        }

        [MethodImpl(KernelRunner.Hot)]
        private static double Sum<TLane, T>(T* x, int count)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var total = 0.0;
            for (var start = 0; start < count; start += SumBlock)
            {
                var end = Math.Min(count, start + SumBlock);
                var sum = TLane.Create(0f);
                var i = start;
                for (; i <= end - Lane.Width; i += Lane.Width)
                {
                    sum += Lane.Load<TLane, T>(x + i);
                }

                total += TLane.Sum(i < end ? sum + Lane.LoadPart<TLane, T>(x + i, end - i) : sum);
            }

            return total;
        }

        [MethodImpl(KernelRunner.Hot)]
        private static void Softmax<TLane, T>(T* x, float largest, float factor, float addend, T* target, int count)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var (shift, scale, more) = (TLane.Create(largest), TLane.Create(factor), TLane.Create(addend));
            var i = 0;
            for (; i <= count - Lane.Width; i += Lane.Width)
            {
                Lane.Store(TLane.FusedMultiplyAdd(Lane.Exp(Lane.Load<TLane, T>(x + i) - shift), scale, more), target + i);
            }

            if (i < count)
            {
                var power = Lane.Exp(Lane.LoadPart<TLane, T>(x + i, count - i) - shift);
                Lane.StorePart(TLane.FusedMultiplyAdd(power, scale, more), target + i, count - i);
            }
        }
    }
}
