using System.Runtime.CompilerServices;

namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>Reads the blocks of GGUF files, whose layouts are those of ggml's <c>ggml-common.h</c>.</summary>
/// <remarks>
/// A tensor is read once, when a model is loaded, at the speed of the disk or of the page cache: nothing here is vectorised by hand.
/// Scale times code needs at most 24 bits, so the products are exact and all orders of them give the same bits.
/// </remarks>
internal static unsafe class GgmlDecoder
{
    private const long GrainElements = 64 * 1024;
    private const int Small = 32;
    private const int Large = 256;

    // Added to a product it leaves even a negative zero as it is.
    private const float Nothing = -0f;

    /// <summary>Decodes blocks.</summary>
    /// <param name="type">A type with blocks.</param>
    /// <param name="blocks">First block.</param>
    /// <param name="count">Blocks.</param>
    /// <param name="target">Where the elements go.</param>
    public static void Decode(GgmlType type, byte* blocks, long count, float* target)
    {
        var (elements, bytes) = GgmlForm.Of(type);
        KernelParallel.For(count, GrainElements / elements, new Work(type, blocks, bytes, elements, target));
    }

    private static float HalfAt(byte* at) => (float)Unsafe.ReadUnaligned<Half>(at);

    // Element i is in the lower half of byte i, element i + 16 in the upper.
    private static void FourBits(byte* codes, float scale, float minimum, int zero, float* y)
    {
        for (var i = 0; i < Small / 2; i++)
        {
            y[i] = (((codes[i] & 15) - zero) * scale) + minimum;
            y[i + (Small / 2)] = (((codes[i] >> 4) - zero) * scale) + minimum;
        }
    }

    // The same with the fifth bits of all elements in one number.
    private static void FiveBits(byte* fifths, byte* codes, float scale, float minimum, int zero, float* y)
    {
        var bits = Unsafe.ReadUnaligned<uint>(fifths);
        for (var i = 0; i < Small / 2; i++)
        {
            var (lower, upper) = ((int)(bits >> i) & 1, (int)(bits >> (i + (Small / 2))) & 1);
            y[i] = ((((codes[i] & 15) | (lower << 4)) - zero) * scale) + minimum;
            y[i + (Small / 2)] = ((((codes[i] >> 4) | (upper << 4)) - zero) * scale) + minimum;
        }
    }

    private static void EightBits(byte* block, float* y)
    {
        var scale = HalfAt(block);
        for (var i = 0; i < Small; i++)
        {
            y[i] = (sbyte)block[2 + i] * scale;
        }
    }

    // Eight scales and eight minima of six bits in twelve bytes: the last four of each have their upper bits in the first eight bytes.
    private static (int Scale, int Minimum) SixBits(byte* packed, int part) => part < 4
        ? (packed[part] & 63, packed[part + 4] & 63)
        : ((packed[part + 4] & 15) | ((packed[part - 4] >> 6) << 4), (packed[part + 4] >> 4) | ((packed[part] >> 6) << 4));

    // Two parts share 32 bytes of codes; with five bits a part has one bit of each of 32 bytes more.
    private static void FourOrFiveBitParts(byte* block, byte* fifths, byte* codes, float* y)
    {
        var (scale, minimum) = (HalfAt(block), HalfAt(block + 2));
        for (var part = 0; part < Large / Small; part++)
        {
            var (partScale, partMinimum) = SixBits(block + 4, part);
            var (step, low) = (scale * partScale, minimum * partMinimum);
            var shift = 4 * (part & 1);
            var from = codes + (part / 2 * Small);
            for (var i = 0; i < Small; i++)
            {
                var code = (from[i] >> shift) & 15;
                if (fifths is not null)
                {
                    code |= ((fifths[i] >> part) & 1) << 4;
                }

                y[(part * Small) + i] = (step * code) - low;
            }
        }
    }

    // Halves of 128: four lines of 32 share 64 bytes of lower halves and 32 bytes of upper pairs of bits; a scale serves 16 elements.
    private static void SixBitParts(byte* block, float* y)
    {
        const int Middle = Large / 2;
        var upper = block + Middle;
        var scales = (sbyte*)upper + (Middle / 2);
        var scale = HalfAt((byte*)scales + (Large / 16));
        for (var i = 0; i < Large; i++)
        {
            var (half, line, place) = (i / Middle, i % Middle / Small, i % Small);
            var low = block[(half * Middle / 2) + ((line & 1) * Small) + place] >> (4 * (line >> 1));
            var high = upper[(half * Small) + place] >> (2 * line);
            y[i] = scale * scales[i / 16] * (((low & 15) | ((high & 3) << 4)) - Small);
        }
    }

    private readonly struct Work(GgmlType type, byte* blocks, int bytes, int elements, float* target) : IRangeWork
    {
        [MethodImpl(KernelRunner.Hot)]
        public void Run(long first, long last)
        {
            for (var i = first; i < last; i++)
            {
                One(blocks + (i * bytes), target + (i * elements));
            }
        }

        private void One(byte* block, float* y)
        {
            switch (type)
            {
                case GgmlType.Q4_0:
                    FourBits(block + 2, HalfAt(block), Nothing, 8, y);
                    break;
                case GgmlType.Q4_1:
                    FourBits(block + 4, HalfAt(block), HalfAt(block + 2), 0, y);
                    break;
                case GgmlType.Q5_0:
                    FiveBits(block + 2, block + 6, HalfAt(block), Nothing, 16, y);
                    break;
                case GgmlType.Q5_1:
                    FiveBits(block + 4, block + 8, HalfAt(block), HalfAt(block + 2), 0, y);
                    break;
                case GgmlType.Q8_0:
                    EightBits(block, y);
                    break;
                case GgmlType.Q4_K:
                    FourOrFiveBitParts(block, null, block + 16, y);
                    break;
                case GgmlType.Q5_K:
                    FourOrFiveBitParts(block, block + 16, block + 48, y);
                    break;
                case GgmlType.Q6_K:
                    SixBitParts(block, y);
                    break;
                default:
                    throw new InvalidOperationException($"{type} has no blocks");
            }
        }
    }
}
