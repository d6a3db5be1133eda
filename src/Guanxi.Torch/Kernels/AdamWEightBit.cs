using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;
using Guanxi.Torch.Kernels.Quantisation;

namespace Guanxi.Torch.Kernels;

/// <summary>A moment of an optimizer in 8 bits: codes of a dynamic map and the largest magnitude of each block of 256.</summary>
/// <param name="Codes">One for every element.</param>
/// <param name="Absmax">One for every block.</param>
internal readonly unsafe record struct EightBitMoment(nint Codes, nint Absmax);

/// <summary>AdamW whose moments lie in 8 bits between the steps (Dettmers et al. 2022, arXiv 2110.02861).</summary>
/// <remarks>
/// As bitsandbytes' blockwise 8-bit AdamW: a block's moments are widened, the step is that of <see cref="AdamW"/>, and the new moments
/// are coded again, the first with the signed dynamic map and the second with the unsigned one. The codes are looked up one by one.
/// </remarks>
internal static unsafe class AdamWEightBit
{
    private const long GrainBlocks = 32;

    /// <summary>Makes one step.</summary>
    /// <param name="parameter">Parameter, changed.</param>
    /// <param name="gradient">Gradient.</param>
    /// <param name="first">First moment, changed; zeros before step 1.</param>
    /// <param name="second">Second moment, changed; zeros before step 1.</param>
    /// <param name="count">Elements.</param>
    /// <param name="settings">The numbers.</param>
    public static void Run(
        float* parameter, float* gradient, EightBitMoment first, EightBitMoment second, long count, AdamWSettings settings)
    {
        var blocks = EightBit.BlocksOf(count);
        KernelRunner.For(blocks, GrainBlocks, new Kernel(parameter, gradient, first, second, count, settings));
    }

    private readonly struct Kernel(
        float* parameter, float* gradient, EightBitMoment first, EightBitMoment second, long count, AdamWSettings settings) : IKernel
    {
        private readonly EightBitMoment _first = first;
        private readonly EightBitMoment _second = second;

        [MethodImpl(KernelRunner.Hot)]
        public void Run<TLane, T>(long firstBlock, long lastBlock)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            float* firstMoment = stackalloc float[EightBit.BlockSize];
            float* secondMoment = stackalloc float[EightBit.BlockSize];
            for (var block = firstBlock; block < lastBlock; block++)
            {
                var start = block * EightBit.BlockSize;
                var size = Math.Min(EightBit.BlockSize, count - start);
                Widen(DynamicMap.Signed, _first, block, size, firstMoment);
                Widen(DynamicMap.Unsigned, _second, block, size, secondMoment);
                AdamW.Part<TLane>(parameter + start, gradient + start, firstMoment, secondMoment, size, settings);
                Narrow(CodeSearch.Signed, firstMoment, size, _first, block);
                Narrow(CodeSearch.Unsigned, secondMoment, size, _second, block);
            }
        }

        [MethodImpl(KernelRunner.Hot)]
        private static void Widen(float[] map, EightBitMoment moment, long block, long size, float* target)
        {
            var codes = (byte*)moment.Codes + (block * EightBit.BlockSize);
            var largest = ((float*)moment.Absmax)[block];
            for (long i = 0; i < size; i++)
            {
                target[i] = map[codes[i]] * largest;
            }
        }

        private static void Narrow(CodeSearch codeOf, float* source, long size, EightBitMoment moment, long block) =>
            ((float*)moment.Absmax)[block] = EightBit.QuantizeBlock(codeOf, source, size, (byte*)moment.Codes + (block * EightBit.BlockSize));
    }
}
