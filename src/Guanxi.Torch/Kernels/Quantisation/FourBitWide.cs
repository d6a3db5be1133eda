using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>Dequantises 64 elements at a time: 32 bytes of packed numbers that share one maximum.</summary>
/// <remarks>
/// Sixteen-bit results are looked up in a table already multiplied by the maximum and rounded: sixteen products a block instead of 64.
/// AVX2 looks up bytes (vpshufb), so a table is cut into planes, one for each byte of its values; AVX-512 looks up whole values (vpermps,
/// vpermw).
/// </remarks>
internal static unsafe class FourBitWide
{
    private const int Group = 64;
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    // Runs are parts of rows: too short for the processor to see which memory comes next.
    private const long RunsAhead = 8;

    /// <summary>Writes the groups of some runs.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static void Dequantize512<T>(in FourBitWeights weights, in GroupRuns runs, T* target)
        where T : unmanaged
    {
        var table = Lane512.Load(weights.Table);
        var shift = weights.GroupShift;
        var ahead = RunsAhead * runs.Stride;
        for (long run = 0; run < runs.Count; run++)
        {
            for (long i = 0; i < runs.Groups; i++)
            {
                var group = runs.First + (run * runs.Stride) + i;
                Fetch(weights.Packed + ((group + ahead) * (Group / 2)));
                var scaled = table * Lane512.Create(weights.AbsmaxOf(group >> shift));
                var numbers = NumbersInOrder(weights.Packed + (group * (Group / 2)));
                var to = target + (run * runs.TargetStride) + (i * Group);
                if (typeof(T) == typeof(float))
                {
                    var (lower, upper) = Vector512.Widen(numbers);
                    StoreSixteen(scaled.Cells, Vector512.WidenLower(lower), (float*)to);
                    StoreSixteen(scaled.Cells, Vector512.WidenUpper(lower), (float*)to + 16);
                    StoreSixteen(scaled.Cells, Vector512.WidenLower(upper), (float*)to + 32);
                    StoreSixteen(scaled.Cells, Vector512.WidenUpper(upper), (float*)to + 48);
                }
                else
                {
                    var half = Lane.Narrow<Lane512, T>(scaled);
                    var values = Vector512.Create(half, half);
                    Vector512.ShuffleNative(values, Vector512.WidenLower(numbers)).Store((ushort*)to);
                    Vector512.ShuffleNative(values, Vector512.WidenUpper(numbers)).Store((ushort*)to + 32);
                }
            }
        }
    }

    /// <summary>Writes the groups of some runs.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static void Dequantize256<T>(in FourBitWeights weights, in GroupRuns runs, T* target)
        where T : unmanaged
    {
        if (!Avx2.IsSupported)
        {
            FourBitScalar.Dequantize(weights, runs, target);
        }
        else if (typeof(T) == typeof(float))
        {
            Dequantize256Single(weights, runs, (float*)target);
        }
        else
        {
            Dequantize256Half(weights, runs, target);
        }
    }

    [MethodImpl(KernelRunner.Hot)]
    private static void Dequantize256Half<T>(in FourBitWeights weights, in GroupRuns runs, T* target)
        where T : unmanaged
    {
        var table = Lane256.Load(weights.Table);
        var shift = weights.GroupShift;
        var ahead = RunsAhead * runs.Stride;
        // Lower bytes of eight values, then their upper bytes.
        var split = Vector256.Create(BytePlanes.Split, BytePlanes.Split);
        var gather = Vector256.Create(0, 2, 4, 6, 1, 3, 5, 7);
        for (long run = 0; run < runs.Count; run++)
        {
            for (long i = 0; i < runs.Groups; i++)
            {
                var group = runs.First + (run * runs.Stride) + i;
                Fetch(weights.Packed + ((group + ahead) * (Group / 2)));
                var scaled = table * Lane256.Create(weights.AbsmaxOf(group >> shift));
                var planes = Avx2.Shuffle(Lane.Narrow<Lane256, T>(scaled).AsByte(), split).AsUInt64();
                var lowerPlane = Avx2.Permute4x64(planes, 0b10_00_10_00).AsByte();
                var upperPlane = Avx2.Permute4x64(planes, 0b11_01_11_01).AsByte();

                // Interleaving works within 128 bits, so the eight dwords are dealt to the halves in turn first: the results then lie in order.
                var packed = Avx2.PermuteVar8x32(Vector256.Load((int*)(weights.Packed + (group * (Group / 2)))), gather).AsByte();
                var (numbers0, numbers1) = Numbers(packed);
                var to = (ushort*)target + (run * runs.TargetStride) + (i * Group);
                StoreThirtyTwo(lowerPlane, upperPlane, numbers0, to);
                StoreThirtyTwo(lowerPlane, upperPlane, numbers1, to + 32);
            }
        }
    }

    [MethodImpl(KernelRunner.Hot)]
    private static void Dequantize256Single(in FourBitWeights weights, in GroupRuns runs, float* target)
    {
        var (plane0, plane1, plane2, plane3) = BytePlanes.Of(weights.Table);
        var shift = weights.GroupShift;
        var ahead = RunsAhead * runs.Stride;
        // As above, with words dealt to the halves in turn.
        var deal = Vector256.Create(Deal, Deal);
        for (long run = 0; run < runs.Count; run++)
        {
            for (long i = 0; i < runs.Groups; i++)
            {
                var group = runs.First + (run * runs.Stride) + i;
                Fetch(weights.Packed + ((group + ahead) * (Group / 2)));
                var scale = Vector256.Create(weights.AbsmaxOf(group >> shift));
                var words = Avx2.Shuffle(Vector256.Load(weights.Packed + (group * (Group / 2))), deal).AsUInt64();
                var (numbers0, numbers1) = Numbers(Avx2.Permute4x64(words, 0b11_01_10_00).AsByte());
                var to = target + (run * runs.TargetStride) + (i * Group);
                Store(plane0, plane1, plane2, plane3, numbers0, scale, to);
                Store(plane0, plane1, plane2, plane3, numbers1, scale, to + 32);
            }
        }
    }

    private static Vector128<byte> Deal => Vector128.Create((byte)0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);

    // The numbers of each half of 128 bits in order, eight bytes of each half in either result.
    [MethodImpl(Inline)]
    private static (Vector256<byte> First, Vector256<byte> Second) Numbers(Vector256<byte> packed)
    {
        var low = Vector256.Create((byte)15);
        var odd = packed & low;
        var even = (packed.AsUInt16() >> 4).AsByte() & low;
        return (Avx2.UnpackLow(even, odd), Avx2.UnpackHigh(even, odd));
    }

    [MethodImpl(Inline)]
    private static void StoreThirtyTwo(Vector256<byte> lowerPlane, Vector256<byte> upperPlane, Vector256<byte> numbers, ushort* target)
    {
        var lower = Avx2.Shuffle(lowerPlane, numbers);
        var upper = Avx2.Shuffle(upperPlane, numbers);
        Avx2.UnpackLow(lower, upper).AsUInt16().Store(target);
        Avx2.UnpackHigh(lower, upper).AsUInt16().Store(target + 16);
    }

    [MethodImpl(Inline)]
    private static void Store(
        Vector256<byte> plane0,
        Vector256<byte> plane1,
        Vector256<byte> plane2,
        Vector256<byte> plane3,
        Vector256<byte> numbers,
        Vector256<float> scale,
        float* target)
    {
        var (byte0, byte1) = (Avx2.Shuffle(plane0, numbers), Avx2.Shuffle(plane1, numbers));
        var (byte2, byte3) = (Avx2.Shuffle(plane2, numbers), Avx2.Shuffle(plane3, numbers));
        var (word0, word1) = (Avx2.UnpackLow(byte0, byte1).AsUInt16(), Avx2.UnpackLow(byte2, byte3).AsUInt16());
        (Avx2.UnpackLow(word0, word1).AsSingle() * scale).Store(target);
        (Avx2.UnpackHigh(word0, word1).AsSingle() * scale).Store(target + 8);
        (word0, word1) = (Avx2.UnpackHigh(byte0, byte1).AsUInt16(), Avx2.UnpackHigh(byte2, byte3).AsUInt16());
        (Avx2.UnpackLow(word0, word1).AsSingle() * scale).Store(target + 16);
        (Avx2.UnpackHigh(word0, word1).AsSingle() * scale).Store(target + 24);
    }

    [MethodImpl(Inline)]
    private static void Fetch(byte* packed)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(packed);
        }
    }

    // Each byte becomes a word: its upper number in the first byte, its lower number in the second.
    [MethodImpl(Inline)]
    private static Vector512<byte> NumbersInOrder(byte* packed)
    {
        var words = Vector512.WidenLower(Vector256.Load(packed).ToVector512Unsafe());
        return ((words >> 4) | ((words & Vector512.Create((ushort)15)) << 8)).AsByte();
    }

    [MethodImpl(Inline)]
    private static void StoreSixteen(Vector512<float> table, Vector512<uint> numbers, float* target) =>
        Vector512.ShuffleNative(table, numbers.AsInt32()).Store(target);
}
