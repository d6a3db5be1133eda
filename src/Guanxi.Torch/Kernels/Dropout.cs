using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Which mask of a run is meant: the mask is a pure function of this and of the element's index.</summary>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Step">Optimizer step; its lower 32 bits count.</param>
/// <param name="MicroBatch">Micro-batch in the step.</param>
/// <param name="Site">Place in the model.</param>
internal readonly record struct DropoutMask(ulong Seed, long Step, int MicroBatch, int Site);

/// <summary>Dropout whose mask is computed from the element's index, so that the backward draws it again and threads do not matter.</summary>
/// <remarks>
/// Philox with the run's seed as key and (index / 8, site, micro-batch, step) as counter; every element gets 16 of the bits.
/// It is dropped when they, as a number, are below p * 65536 rounded; the rate is right within 1/131072.
/// </remarks>
internal static unsafe class Dropout
{
    // Sixteen counters of four words of two halves.
    private const int Group = 8 * Lane.Width;
    private const long GrainElements = 128 * Group;
    private const int Steps = 1 << 16;

    /// <summary>y = x * mask / (1 - p), plus a residual where one is given. With dy for x it is the gradient.</summary>
    /// <param name="dtype">Element type of x, residual and y.</param>
    /// <param name="x">Elements.</param>
    /// <param name="residual">Added after the mask; null without.</param>
    /// <param name="y">Result; may be x or residual.</param>
    /// <param name="count">Elements, fewer than 2^35.</param>
    /// <param name="probability">Probability that an element is dropped, at least 0 and below 1.</param>
    /// <param name="mask">Which mask.</param>
    public static void Run(DType dtype, void* x, void* residual, void* y, long count, double probability, DropoutMask mask)
    {
        if (!(probability >= 0 && probability < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "a probability of dropping is at least 0 and below 1");
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 1L << 35);
        var threshold = (int)Math.Round(probability * Steps);
        var kernel = new Kernel(x, residual, y, count, threshold, (float)(1 / (1 - probability)), mask);
        KernelRunner.For(dtype, (count + Group - 1) / Group, GrainElements / Group, kernel);
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
                var (word0, word1, word2, word3) = Philox.Sixteen(
                    TLane.AddInt(TLane.CreateInt(unchecked((int)(group * Lane.Width))), Lane.Iota<TLane>()),
                    TLane.CreateInt(_mask.Site),
                    TLane.CreateInt(_mask.MicroBatch),
                    TLane.CreateInt(unchecked((int)_mask.Step)),
                    _mask.Seed);
                var at = group * Group;
                Two<TLane, T>(word0, at);
                Two<TLane, T>(word1, at + (2 * Lane.Width));
                Two<TLane, T>(word2, at + (4 * Lane.Width));
                Two<TLane, T>(word3, at + (6 * Lane.Width));
            }
        }

        // The lower halves of sixteen words decide about sixteen elements, the upper halves about the next sixteen.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Two<TLane, T>(TLane words, long at)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            One<TLane, T>(words & TLane.CreateInt(Steps - 1), at);
            One<TLane, T>(TLane.ShiftRightLogical(words, 16), at + Lane.Width);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void One<TLane, T>(TLane random, long at)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var kept = TLane.GreaterThanInt(random, TLane.CreateInt(threshold - 1));
            var rest = count - at;
            if (rest >= Lane.Width)
            {
                var value = (Lane.Load<TLane, T>((T*)x + at) * TLane.Create(scale)) & kept;
                Lane.Store(residual is null ? value : value + Lane.Load<TLane, T>((T*)residual + at), (T*)y + at);
            }
            else if (rest > 0)
            {
                var value = (Lane.LoadPart<TLane, T>((T*)x + at, rest) * TLane.Create(scale)) & kept;
                Lane.StorePart(residual is null ? value : value + Lane.LoadPart<TLane, T>((T*)residual + at, rest), (T*)y + at, rest);
            }
        }
    }
}
