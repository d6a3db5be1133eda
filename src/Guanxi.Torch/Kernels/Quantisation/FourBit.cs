using System.Numerics;
using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>Quantises to and dequantises from NF4 and FP4, bit for bit as bitsandbytes on the CPU.</summary>
internal static unsafe class FourBit
{
    private const int Group = GroupRuns.GroupSize;
    private const long GrainElements = 16 * 1024;

    /// <summary>Bytes that a number of elements takes.</summary>
    /// <param name="count">Elements.</param>
    /// <returns>Half of them, rounded up.</returns>
    public static long PackedBytes(long count) => (count + 1) / 2;

    /// <summary>Quantises a tensor in blocks.</summary>
    /// <remarks>
    /// Each element is scaled by its block's largest magnitude and takes the nearest value, the lower one on a tie. A full block
    /// multiplies by the
    /// reciprocal and an incomplete last one divides; a maximum below 1e-38 counts as that, and an incomplete block stores it so.
    /// An odd tensor is padded with a zero.
    /// </remarks>
    /// <param name="code">The sixteen values.</param>
    /// <param name="dtype">Element type of the source: Float32, BFloat16 or Float16.</param>
    /// <param name="source">First element.</param>
    /// <param name="count">Elements.</param>
    /// <param name="blockSize">Elements a block: a power of two, 64 or more.</param>
    /// <param name="packed">Result of <see cref="PackedBytes"/>.</param>
    /// <param name="absmax">Largest magnitude of each block.</param>
    /// <returns>Index of the first element that is infinite or not a number, which cannot be quantised; -1 when there is none.</returns>
    public static long Quantize(FourBitCode code, DType dtype, void* source, long count, int blockSize, byte* packed, float* absmax)
    {
        ThrowUnlessBlockSize(blockSize);
        var blocks = (count + blockSize - 1) / blockSize;
        var firstBad = long.MaxValue;
        fixed (float* bounds = code.Bounds)
        fixed (byte* packedByRanks = code.PackedByRanks)
        {
            var kernel = new FourBitQuantizer(source, count, blockSize, packed, absmax, bounds, packedByRanks, &firstBad);
            KernelRunner.For(dtype, blocks, KernelRunner.Grain(GrainElements / 4, blockSize), kernel);
        }

        return firstBad == long.MaxValue ? -1 : firstBad;
    }

    /// <summary>Dequantises a range of elements: table value times block maximum, in float32, then rounded to nearest even.</summary>
    /// <param name="weights">The tensor.</param>
    /// <param name="first">First element wanted; any number, fastest for a multiple of 64.</param>
    /// <param name="count">Elements wanted.</param>
    /// <param name="dtype">Element type of the target: Float32, BFloat16 or Float16.</param>
    /// <param name="target">Where the element <paramref name="first"/> goes.</param>
    public static void Dequantize(in FourBitWeights weights, long first, long count, DType dtype, void* target)
    {
        ThrowUnlessBlockSize(weights.BlockSize);
        var kernel = new DequantizeKernel(weights, first, count, target);
        var groups = ((first + count + Group - 1) / Group) - (first / Group);
        KernelRunner.For(dtype, count == 0 ? 0 : groups, GrainElements / Group, kernel);
    }

    /// <summary>Dequantises groups of 64 elements on the calling thread, for a caller that has divided the work itself.</summary>
    /// <typeparam name="TLane">Registers of one level.</typeparam>
    /// <typeparam name="T">Element type of the target.</typeparam>
    /// <param name="weights">The tensor.</param>
    /// <param name="runs">Which groups, and how far apart they go.</param>
    /// <param name="target">Where the first group goes.</param>
    public static void DequantizeRuns<TLane, T>(in FourBitWeights weights, in GroupRuns runs, T* target)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        if (typeof(TLane) == typeof(Lane512))
        {
            FourBitWide.Dequantize512(weights, runs, target);
        }
        else if (typeof(TLane) == typeof(Lane256))
        {
            FourBitWide.Dequantize256(weights, runs, target);
        }
        else
        {
            FourBitScalar.Dequantize(weights, runs, target);
        }
    }

    private static void ThrowUnlessBlockSize(int blockSize)
    {
        if (blockSize < Group || !BitOperations.IsPow2(blockSize))
        {
            throw new ArgumentOutOfRangeException(nameof(blockSize), blockSize, $"a block has a power of two of elements, {Group} or more");
        }
    }

    private readonly struct DequantizeKernel(FourBitWeights weights, long firstElement, long count, void* target) : IKernel
    {
        private readonly FourBitWeights _weights = weights;

        // The range counts groups of 64 elements from the one that holds the first element; the outermost groups may be wanted in part.
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var origin = firstElement / Group;
            var start = Math.Max(firstElement, (origin + first) * Group);
            var end = Math.Min(firstElement + count, (origin + last) * Group);
            var aligned = Math.Min(end, (start + Group - 1) / Group * Group);
            var alignedEnd = Math.Max(aligned, end / Group * Group);
            var to = (T*)target - firstElement;
            FourBitScalar.Dequantize(_weights, start, aligned, to);
            DequantizeRuns<TLane, T>(_weights, new GroupRuns(aligned / Group, (alignedEnd - aligned) / Group, 1, 0, 0), to + aligned);
            FourBitScalar.Dequantize(_weights, alignedEnd, end, to);
        }
    }
}

/// <summary>Runs of whole groups of 64 elements: parts of the rows of a matrix.</summary>
/// <param name="First">First group of the first run.</param>
/// <param name="Groups">Groups of a run.</param>
/// <param name="Count">Number of runs.</param>
/// <param name="Stride">Groups from the beginning of a run to that of the next.</param>
/// <param name="TargetStride">Elements from the target of a run to that of the next.</param>
internal readonly record struct GroupRuns(long First, long Groups, long Count, long Stride, long TargetStride)
{
    /// <summary>Elements of a group.</summary>
    public const int GroupSize = 64;
}

/// <summary>Dequantises one element at a time.</summary>
internal static unsafe class FourBitScalar
{
    /// <summary>Writes the groups of some runs.</summary>
    public static void Dequantize<T>(in FourBitWeights weights, in GroupRuns runs, T* target)
        where T : unmanaged
    {
        for (long run = 0; run < runs.Count; run++)
        {
            var first = (runs.First + (run * runs.Stride)) * GroupRuns.GroupSize;
            Dequantize(weights, first, first + (runs.Groups * GroupRuns.GroupSize), target + (run * runs.TargetStride) - first);
        }
    }

    /// <summary>Writes elements first to last - 1 to the same places of the target.</summary>
    [MethodImpl(KernelRunner.Hot)]
    public static void Dequantize<T>(in FourBitWeights weights, long first, long last, T* target)
        where T : unmanaged
    {
        for (var i = first; i < last; i++)
        {
            var pair = weights.Packed[i / 2];
            var number = (i & 1) == 0 ? pair >> 4 : pair & 15;
            var value = weights.Table[number] * weights.AbsmaxOf(i / weights.BlockSize);
            if (typeof(T) == typeof(float))
            {
                ((float*)target)[i] = value;
            }
            else if (typeof(T) == typeof(BFloat16))
            {
                ((BFloat16*)target)[i] = BFloat16.FromSingle(value);
            }
            else
            {
                ((Half*)target)[i] = (Half)value;
            }
        }
    }
}
