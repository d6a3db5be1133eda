using System.Runtime.CompilerServices;

namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>8-bit blockwise quantisation with a 256-value map, and its use on the block maxima of 4-bit weights ("double
/// quantisation").</summary>
/// <remarks>
/// A block is scaled by the reciprocal of its largest magnitude; each element takes the nearest value of the map, the lower one on a tie.
/// (bitsandbytes' own CPU search is approximate; the nearest value is its device-neutral rule.)
/// One byte for 64 weights is little work, so nothing here is vectorised.
/// </remarks>
internal static unsafe class EightBit
{
    /// <summary>Elements that share one maximum.</summary>
    public const int BlockSize = FourBitWeights.NestedBlockSize;

    private const float SmallestScale = 1e-38f;
    private const long GrainBlocks = 16;

    /// <summary>Blocks of an array; the last may be shorter.</summary>
    public static long BlocksOf(long count) => (count + BlockSize - 1) / BlockSize;

    /// <summary>Quantises an array in blocks of 256.</summary>
    /// <param name="codeOf">Finds the nearest of the map's values.</param>
    /// <param name="source">Elements; finite.</param>
    /// <param name="count">Elements.</param>
    /// <param name="codes">Number of each element's value in the map.</param>
    /// <param name="absmax">Largest magnitude of each block.</param>
    public static void Quantize(CodeSearch codeOf, float* source, long count, byte* codes, float* absmax) =>
        KernelParallel.For(BlocksOf(count), GrainBlocks, new QuantizeWork(codeOf, source, count, codes, absmax));

    /// <summary>Quantises block maxima: their mean is taken off, and what is left is quantised with the signed dynamic map.</summary>
    /// <param name="maxima">Block maxima; overwritten with maxima less offset.</param>
    /// <param name="count">Maxima.</param>
    /// <param name="codes">Number of each maximum in the map.</param>
    /// <param name="nestedAbsmax">Largest magnitude of each block of 256.</param>
    /// <returns>The offset.</returns>
    public static float QuantizeMaxima(float* maxima, long count, byte* codes, float* nestedAbsmax)
    {
        var sum = 0.0;
        for (long i = 0; i < count; i++)
        {
            sum += maxima[i];
        }

        var offset = count == 0 ? 0f : (float)(sum / count);
        QuantizeMaxima(maxima, count, offset, codes, nestedAbsmax);
        return offset;
    }

    /// <summary>As the other form, with a given offset.</summary>
    /// <param name="maxima">Block maxima; overwritten with maxima less offset.</param>
    /// <param name="count">Maxima.</param>
    /// <param name="offset">The offset.</param>
    /// <param name="codes">Number of each maximum in the map.</param>
    /// <param name="nestedAbsmax">Largest magnitude of each block of 256.</param>
    public static void QuantizeMaxima(float* maxima, long count, float offset, byte* codes, float* nestedAbsmax)
    {
        for (long i = 0; i < count; i++)
        {
            maxima[i] -= offset;
        }

        Quantize(CodeSearch.Signed, maxima, count, codes, nestedAbsmax);
    }

    /// <summary>Quantises one block.</summary>
    /// <param name="codeOf">Finds the nearest of the map's values.</param>
    /// <param name="source">Elements; finite.</param>
    /// <param name="count">Elements, at most <see cref="BlockSize"/>.</param>
    /// <param name="codes">Number of each element's value in the map.</param>
    /// <returns>Largest magnitude.</returns>
    [MethodImpl(KernelRunner.Hot)]
    public static float QuantizeBlock(CodeSearch codeOf, float* source, long count, byte* codes)
    {
        var largest = 0f;
        for (long i = 0; i < count; i++)
        {
            var magnitude = Math.Abs(source[i]);
            largest = magnitude > largest ? magnitude : largest;
        }

        var scale = 1f / Math.Max(largest, SmallestScale);
        for (long i = 0; i < count; i++)
        {
            codes[i] = codeOf.CodeOf(source[i] * scale);
        }

        return largest;
    }

    private readonly struct QuantizeWork(CodeSearch codeOf, float* source, long count, byte* codes, float* absmax) : IRangeWork
    {
        public void Run(long first, long last)
        {
            for (var block = first; block < last; block++)
            {
                var start = block * BlockSize;
                absmax[block] = QuantizeBlock(codeOf, source + start, Math.Min(BlockSize, count - start), codes + start);
            }
        }
    }
}
