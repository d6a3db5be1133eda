using System.Runtime.CompilerServices;

namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>
/// Writes blocks of GGUF files: the nearest code to each element, the scale rounded to half precision after the codes were found.
/// </summary>
/// <remarks>
/// Source: ggml's <c>quantize_row_q8_0_ref</c> and <c>quantize_row_q4_0_ref</c>. A file is written once, so it is scalar.
/// </remarks>
internal static unsafe class GgmlEncoder
{
    private const long GrainBlocks = 1024;
    private const int Block = 32;

    /// <summary>Encodes blocks.</summary>
    /// <param name="type">Q8_0 or Q4_0.</param>
    /// <param name="source">First element.</param>
    /// <param name="count">Blocks.</param>
    /// <param name="target">Where the blocks go.</param>
    /// <returns>Number of the first block that cannot be encoded; -1 when there is none.</returns>
    public static long Encode(GgmlType type, float* source, long count, byte* target)
    {
        var firstBad = long.MaxValue;
        KernelParallel.For(count, GrainBlocks, new Work(type, source, target, GgmlForm.Of(type).Bytes, &firstBad));
        return firstBad == long.MaxValue ? -1 : firstBad;
    }

    // The element of the largest magnitude with its sign; not a number when any element is none.
    private static float Largest(float* x)
    {
        var largest = 0f;
        for (var i = 0; i < Block; i++)
        {
            if (!(MathF.Abs(x[i]) <= MathF.Abs(largest)))
            {
                largest = x[i];
            }

            if (float.IsNaN(x[i]))
            {
                return float.NaN;
            }
        }

        return largest;
    }

    private static bool TryScale(float scale, byte* block, out float reciprocal)
    {
        reciprocal = 1 / scale;
        if (float.IsInfinity(reciprocal))
        {
            // Zeros, or so small that the scale in half precision is zero.
            reciprocal = 0;
        }

        var half = (Half)scale;
        Unsafe.WriteUnaligned(block, half);
        return Half.IsFinite(half);
    }

    private static bool EightBits(float* x, byte* block)
    {
        if (!TryScale(MathF.Abs(Largest(x)) / sbyte.MaxValue, block, out var reciprocal))
        {
            return false;
        }

        for (var i = 0; i < Block; i++)
        {
            block[2 + i] = (byte)(sbyte)MathF.Round(x[i] * reciprocal, MidpointRounding.AwayFromZero);
        }

        return true;
    }

    // The largest element becomes code 0, which is -8: its own sign decides the scale's.
    private static bool FourBits(float* x, byte* block)
    {
        if (!TryScale(Largest(x) / -8, block, out var reciprocal))
        {
            return false;
        }

        for (var i = 0; i < Block / 2; i++)
        {
            block[2 + i] = (byte)(Code(x[i]) | (Code(x[i + (Block / 2)]) << 4));
        }

        return true;

        int Code(float value) => Math.Min(15, (int)((value * reciprocal) + 8.5f));
    }

    private readonly struct Work(GgmlType type, float* source, byte* target, int bytes, long* firstBad) : IRangeWork
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run(long first, long last)
        {
            for (var i = first; i < last; i++)
            {
                var x = source + (i * Block);
                var block = target + (i * bytes);
                if (!(type == GgmlType.Q8_0 ? EightBits(x, block) : FourBits(x, block)))
                {
                    Report(i);
                    return;
                }
            }
        }

        private void Report(long block)
        {
            var seen = Volatile.Read(ref *firstBad);
            while (block < seen)
            {
                seen = Interlocked.CompareExchange(ref *firstBad, block, seen);
            }
        }
    }
}
