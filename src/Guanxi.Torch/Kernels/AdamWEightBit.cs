using Guanxi.Torch.Kernels.Quantisation;

namespace Guanxi.Torch.Kernels;

/// <summary>A moment of an optimizer in 8 bits: codes of a dynamic map and the largest magnitude of each block of 256.</summary>
/// <param name="Codes">One for every element.</param>
/// <param name="Absmax">One for every block.</param>
internal readonly unsafe record struct EightBitMoment(nint Codes, nint Absmax);

/// <summary>AdamW whose moments lie in 8 bits between the steps (Dettmers et al. 2022, arXiv 2110.02861).</summary>
/// <remarks>
/// As bitsandbytes' blockwise 8-bit AdamW: a block's moments are widened, the step is made in float32, and the new moments are coded
/// again, the first with the signed dynamic map and the second with the unsigned one. One element after another, and no sum but a
/// maximum: the bits are the same everywhere.
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
    /// <param name="step">The numbers.</param>
    public static void Run(float* parameter, float* gradient, EightBitMoment first, EightBitMoment second, long count, in AdamWStep step) =>
        KernelParallel.For(
            (count + EightBit.BlockSize - 1) / EightBit.BlockSize, GrainBlocks, new Work(parameter, gradient, first, second, count, step));

    private readonly struct Work(float* parameter, float* gradient, EightBitMoment first, EightBitMoment second, long count, AdamWStep step)
        : IRangeWork
    {
        private readonly AdamWStep _step = step;
        private readonly EightBitMoment _first = first;
        private readonly EightBitMoment _second = second;

        public void Run(long firstBlock, long lastBlock)
        {
            float* firstMoment = stackalloc float[EightBit.BlockSize];
            float* secondMoment = stackalloc float[EightBit.BlockSize];
            for (var block = firstBlock; block < lastBlock; block++)
            {
                var start = block * EightBit.BlockSize;
                var size = Math.Min(EightBit.BlockSize, count - start);
                Widen(DynamicMap.Signed, _first, block, size, firstMoment);
                Widen(DynamicMap.Unsigned, _second, block, size, secondMoment);
                Update(parameter + start, gradient + start, firstMoment, secondMoment, size);
                Narrow(CodeSearch.Signed, firstMoment, size, _first, block);
                Narrow(CodeSearch.Unsigned, secondMoment, size, _second, block);
            }
        }

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

        private void Update(float* p, float* g, float* m, float* v, long size)
        {
            var (beta1, beta2) = ((float)_step.Beta1, (float)_step.Beta2);
            var (towardsGradient, addSquare) = ((float)(1 - _step.Beta1), (float)(1 - _step.Beta2));
            var shrink = (float)(1 - (_step.LearningRate * _step.WeightDecay));
            var rootCorrection = (float)Math.Sqrt(1 - Math.Pow(_step.Beta2, _step.Step));
            var epsilon = (float)_step.Epsilon;
            var stepSize = (float)-(_step.LearningRate / (1 - Math.Pow(_step.Beta1, _step.Step)));
            for (long i = 0; i < size; i++)
            {
                var gradientOf = g[i] * _step.GradientScale;
                m[i] = (m[i] * beta1) + (towardsGradient * gradientOf);
                v[i] = (v[i] * beta2) + (addSquare * gradientOf * gradientOf);
                p[i] = (p[i] * shrink) + (stepSize * m[i] / ((MathF.Sqrt(v[i]) / rootCorrection) + epsilon));
            }
        }
    }
}
