using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Random 32-bit words, each a pure function of a key and its index.</summary>
/// <remarks>Philox with the run's seed as key and (index / 4, site, micro-batch, step) as counter, as in <see cref="Dropout"/>.</remarks>
internal static unsafe class RandomWords
{
    private const int Group = 4 * Lane.Width;
    private const long GrainGroups = 64;

    /// <summary>Draws words.</summary>
    /// <param name="words">Room for whole groups of 64 words.</param>
    /// <param name="groups">Groups.</param>
    /// <param name="mask">Which words: the draws of a site share their counters with a dropout mask of that site, so use another.</param>
    public static void Run(int* words, long groups, DropoutMask mask) => KernelRunner.For(groups, GrainGroups, new Kernel(words, mask));

    /// <summary>Words to ask for so that there are as many as wanted.</summary>
    /// <param name="count">Words wanted.</param>
    /// <returns>Whole groups.</returns>
    public static long Groups(long count) => (count + Group - 1) / Group;

    /// <summary>Words of a number of groups.</summary>
    /// <param name="groups">Groups.</param>
    /// <returns>Words.</returns>
    public static long WordsOf(long groups) => groups * Group;

    private readonly struct Kernel(int* words, DropoutMask mask) : IKernel
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
                var to = (float*)(words + (group * Group));
                TLane.Store(word0, to);
                TLane.Store(word1, to + Lane.Width);
                TLane.Store(word2, to + (2 * Lane.Width));
                TLane.Store(word3, to + (3 * Lane.Width));
            }
        }
    }
}
