using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Which mask of a run is meant: the mask is a pure function of this and of the element's index.</summary>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Step">Optimizer step; its lower 32 bits count.</param>
/// <param name="MicroBatch">Micro-batch in the step.</param>
/// <param name="Site">Place in the model.</param>
internal readonly record struct DropoutMask(ulong Seed, long Step, int MicroBatch, int Site);

/// <summary>Dropout whose mask is computed from the element's index, so that the backward draws it again and threads do not
/// matter.</summary>
/// <remarks>
/// Philox with the run's seed as key and (index / 8, site, micro-batch, step) as counter; every element gets 16 of the bits.
/// It is dropped when they, as a number, are below p * 65536 rounded; the rate is right within 1/131072.
/// </remarks>
internal static unsafe class Dropout
{
    /// <summary>Elements of a group: sixteen counters of four words of two halves.</summary>
    public const int Group = 8 * Lane.Width;
    private const long GrainElements = 128 * Group;
    private const int Steps = 1 << 16;

    /// <summary>y = x * mask / (1 - p). With dy for x it is the gradient.</summary>
    /// <param name="dtype">Element type of x and y.</param>
    /// <param name="x">Elements.</param>
    /// <param name="y">Result; may be x.</param>
    /// <param name="count">Elements, fewer than 2^35.</param>
    /// <param name="probability">Probability that an element is dropped, at least 0 and below 1.</param>
    /// <param name="mask">Which mask.</param>
    public static void Run(DType dtype, void* x, void* y, long count, double probability, DropoutMask mask)
    {
        if (!(probability >= 0 && probability < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "a probability of dropping is at least 0 and below 1");
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 1L << 35);
        var threshold = (int)Math.Round(probability * Steps);
        var kernel = new Kernel(x, null, y, count, threshold, (float)(1 / (1 - probability)), mask);
        KernelRunner.For(dtype, (count + Group - 1) / Group, GrainElements / Group, kernel);
    }

    /// <summary>Does whole groups of 128 elements of a larger array on the calling thread.</summary>
    /// <typeparam name="TLane">Registers of one level.</typeparam>
    /// <param name="x">The elements meant, not the array's first.</param>
    /// <param name="residual">Added after the mask; null without.</param>
    /// <param name="y">Result; may be x or residual.</param>
    /// <param name="first">Index of the first element in the array; a multiple of 128.</param>
    /// <param name="count">Elements; a multiple of 128.</param>
    /// <param name="probability">Probability that an element is dropped, at least 0 and below 1.</param>
    /// <param name="mask">Which mask.</param>
    public static void Groups<TLane>(float* x, float* residual, float* y, long first, long count, double probability, DropoutMask mask)
        where TLane : struct, ILane<TLane>
    {
        var kernel = new Kernel(
            x - first,
            residual is null ? null : residual - first,
            y - first,
            first + count,
            (int)Math.Round(probability * Steps),
            (float)(1 / (1 - probability)),
            mask);
        kernel.Run<TLane, float>(first / Group, (first + count) / Group);
    }

    private readonly struct Kernel(
        void* x, void* residual, void* y, long count, int threshold, float scale, DropoutMask mask) : IKernel
    {
        private readonly DropoutMask _mask = mask;

        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var group = first; group < last; group++)
            {
                var (word0, word1, word2, word3) = Philox.At<TLane>(group, _mask);
                var at = group * Group;
                if (at + Group <= count)
                {
                    Whole<TLane, T>(word0, at);
                    Whole<TLane, T>(word1, at + (2 * Lane.Width));
                    Whole<TLane, T>(word2, at + (4 * Lane.Width));
                    Whole<TLane, T>(word3, at + (6 * Lane.Width));
                }
                else
                {
                    Part<TLane, T>(word0, at);
                    Part<TLane, T>(word1, at + (2 * Lane.Width));
                    Part<TLane, T>(word2, at + (4 * Lane.Width));
                    Part<TLane, T>(word3, at + (6 * Lane.Width));
                }
            }
        }

        // The lower halves of sixteen words decide about sixteen elements, the upper halves about the next sixteen.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Whole<TLane, T>(TLane words, long at)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var from = (T*)x + at;
            var to = (T*)y + at;
            var lower = Masked(Lane.Load<TLane, T>(from), words & TLane.CreateInt(Steps - 1));
            var upper = Masked(Lane.Load<TLane, T>(from + Lane.Width), TLane.ShiftRightLogical(words, 16));
            if (residual is not null)
            {
                lower += Lane.Load<TLane, T>((T*)residual + at);
                upper += Lane.Load<TLane, T>((T*)residual + at + Lane.Width);
            }

            Lane.Store(lower, to);
            Lane.Store(upper, to + Lane.Width);
        }

        // Never with a residual: who adds one works on whole groups.
        [MethodImpl(MethodImplOptions.NoInlining)]
        private void Part<TLane, T>(TLane words, long at)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var half = 0; half < 2 && at < count; half++, at += Lane.Width)
            {
                var rest = Math.Min(Lane.Width, count - at);
                var random = half == 0 ? words & TLane.CreateInt(Steps - 1) : TLane.ShiftRightLogical(words, 16);
                Lane.StorePart(Masked(Lane.LoadPart<TLane, T>((T*)x + at, rest), random), (T*)y + at, rest);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private TLane Masked<TLane>(TLane value, TLane random)
            where TLane : struct, ILane<TLane> =>
            (value * TLane.Create(scale)) & TLane.GreaterThanInt(random, TLane.CreateInt(threshold - 1));
    }
}
