using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>What a cross-entropy does besides the plain loss.</summary>
/// <param name="GradientFactor">Factor of the gradient, such as one over the number of targets.</param>
/// <param name="Smoothing">Share of the target's weight that is spread over the vocabulary, as in torch; 0 for none.</param>
internal readonly record struct CrossEntropyOptions(float GradientFactor, double Smoothing);

/// <summary>Cross-entropy of rows of logits against one target each, and its gradient.</summary>
internal static unsafe class CrossEntropy
{
    /// <summary>Target of a row that counts for nothing.</summary>
    public const long Ignored = -100;

    private const long GrainElements = 8 * 1024;

    // Elements summed in float32; sums of blocks are added in double precision.
    private const int SumBlock = 2048;

    /// <summary>Minus log softmax at the target, and where wanted its gradient, softmax - one-hot, times a factor.</summary>
    /// <param name="dtype">Element type of logits and gradient.</param>
    /// <param name="logits">[rows, vocabulary].</param>
    /// <param name="targets">[rows], each in [0, vocabulary) or <see cref="Ignored"/>.</param>
    /// <param name="losses">[rows]; 0 for an ignored row.</param>
    /// <param name="gradient">[rows, vocabulary], zeros for an ignored row; may be the logits; null when it is not wanted.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="vocabulary">Columns.</param>
    /// <param name="options">Factor and smoothing.</param>
    /// <returns>The first row whose target is neither in the vocabulary nor ignored, with nothing written then; -1 when there is
    /// none.</returns>
    public static long Run(
        DType dtype, void* logits, long* targets, float* losses, void* gradient, long rows, int vocabulary, CrossEntropyOptions options)
    {
        for (long row = 0; row < rows; row++)
        {
            if (targets[row] != Ignored && (targets[row] < 0 || targets[row] >= vocabulary))
            {
                return row;
            }
        }

        var kernel = new Kernel(logits, targets, losses, gradient, vocabulary, options);
        KernelRunner.For(dtype, rows, KernelRunner.Grain(GrainElements, vocabulary), kernel);
        return -1;
    }

    private readonly struct Kernel(
        void* logits, long* targets, float* losses, void* gradient, int vocabulary, CrossEntropyOptions options) : IKernel
    {
        private readonly CrossEntropyOptions _options = options;

        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var row = first; row < last; row++)
            {
                var to = gradient is null ? null : (T*)gradient + (row * vocabulary);
                if (targets[row] != Ignored)
                {
                    losses[row] = Row<TLane, T>((T*)logits + (row * vocabulary), (int)targets[row], to);
                    continue;
                }

                losses[row] = 0f;
                if (to is not null)
                {
                    new Span<T>(to, vocabulary).Clear();
                }
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
            var spread = _options.Smoothing / vocabulary;
            if (spread > 0)
            {
                loss = ((1 - _options.Smoothing) * loss) + (spread * ((vocabulary * logSum) - Sum<TLane, T>(from, vocabulary)));
            }

            if (to is not null)
            {
                var factor = _options.GradientFactor;
                var atTarget = (Math.Exp(logit - largest) / sum) - (1 - _options.Smoothing) - spread;
                Softmax<TLane, T>(from, largest, (float)(factor / sum), (float)(-spread * factor), to, vocabulary);
                Lane.StorePart(TLane.Create((float)(atTarget * factor)), to + target, 1);
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
