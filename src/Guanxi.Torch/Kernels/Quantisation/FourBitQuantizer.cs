using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>Quantises blocks to 4 bits; see <see cref="FourBit.Quantize"/>.</summary>
internal readonly unsafe struct FourBitQuantizer(
    void* source, long count, int blockSize, byte* packed, float* absmax, float* bounds, byte* packedByRanks, long* firstBad) : IKernel
{
    private const int Group = 64;
    private const float SmallestScale = 1e-38f;

    /// <inheritdoc/>
    public void Run<TLane, T>(long first, long last)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        for (var block = first; block < last; block++)
        {
            var start = block * blockSize;
            var x = (T*)source + start;
            var size = (int)Math.Min(blockSize, count - start);
            var largest = LargestMagnitude<TLane, T>(x, size);
            if (!float.IsFinite(largest))
            {
                Report<TLane, T>(x, start, size);
                continue;
            }

            var scale = Math.Max(largest, SmallestScale);
            var full = size == blockSize;
            absmax[block] = full ? largest : scale;
            for (var i = 0; i < size; i += Group)
            {
                PackGroup<TLane, T>(x + i, Math.Min(Group, size - i), full ? 1f / scale : scale, full, packed + ((start + i) / 2));
            }
        }
    }

    // Not a float comparison but one of bits: infinity and NaN are the greatest then, and neither is lost on the way.
    [MethodImpl(KernelRunner.Hot)]
    private static float LargestMagnitude<TLane, T>(T* x, int count)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var magnitude = TLane.CreateInt(0x7FFFFFFF);
        var largest = TLane.Create(0f);
        var i = 0;
        for (; i <= count - Lane.Width; i += Lane.Width)
        {
            var next = Lane.Load<TLane, T>(x + i) & magnitude;
            largest = TLane.Select(TLane.GreaterThanInt(next, largest), next, largest);
        }

        if (i < count)
        {
            var next = Lane.LoadPart<TLane, T>(x + i, count - i) & magnitude;
            largest = TLane.Select(TLane.GreaterThanInt(next, largest), next, largest);
        }

        // Adding zero times the sum makes any infinity or NaN in the sixteen cells show, whatever order the maximum is taken in.
        return TLane.Largest(largest) + (0f * TLane.Sum(largest * TLane.Create(1f / Lane.Width)));
    }

    private void Report<TLane, T>(T* x, long start, int size)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        for (var i = 0; i < size; i++)
        {
            if (float.IsFinite(TLane.Sum(Lane.LoadPart<TLane, T>(x + i, 1))))
            {
                continue;
            }

            var seen = Volatile.Read(ref *firstBad);
            while (start + i < seen)
            {
                seen = Interlocked.CompareExchange(ref *firstBad, start + i, seen);
            }

            return;
        }
    }

    [MethodImpl(KernelRunner.Hot)]
    private void PackGroup<TLane, T>(T* x, int size, float scale, bool multiply, byte* target)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        if (size == Group)
        {
            var lower = Half<TLane, T>(x, scale, multiply);
            var upper = Half<TLane, T>(x + (Group / 2), scale, multiply);
            Vector256.Narrow(lower, upper).Store(target);
        }
        else
        {
            for (var i = 0; i < size; i += Lane.Width)
            {
                var part = size - i >= Lane.Width ? Lane.Load<TLane, T>(x + i) : Lane.LoadPart<TLane, T>(x + i, size - i);
                var value = Scaled(part, scale, multiply);
                var pairs = Pairs(Ranks(value, value).First);
                for (var pair = 0; pair < 8 && i + (2 * pair) < size; pair++)
                {
                    target[(i / 2) + pair] = (byte)pairs[pair];
                }
            }
        }

        if (packedByRanks is not null)
        {
            for (var i = 0; i < (size + 1) / 2; i++)
            {
                target[i] = packedByRanks[target[i]];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLane Scaled<TLane>(TLane x, float scale, bool multiply)
        where TLane : struct, ILane<TLane> => multiply ? x * TLane.Create(scale) : x / TLane.Create(scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector256<ushort> Half<TLane, T>(T* x, float scale, bool multiply)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var first = Scaled(Lane.Load<TLane, T>(x), scale, multiply);
        var second = Scaled(Lane.Load<TLane, T>(x + Lane.Width), scale, multiply);
        var (firstRanks, secondRanks) = Ranks(first, second);
        return Vector256.Narrow(Pairs(firstRanks), Pairs(secondRanks));
    }

    // How many bounds lie below each value; two lanes share the reading of a bound. A mask is minus one as an integer.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private (TLane First, TLane Second) Ranks<TLane>(TLane first, TLane second)
        where TLane : struct, ILane<TLane>
    {
        var (firstRanks, secondRanks) = (TLane.CreateInt(0), TLane.CreateInt(0));
        for (var i = 0; i < FourBitCode.Count - 1; i++)
        {
            var bound = TLane.Create(bounds[i]);
            firstRanks = TLane.SubtractInt(firstRanks, TLane.GreaterThan(first, bound));
            secondRanks = TLane.SubtractInt(secondRanks, TLane.GreaterThan(second, bound));
        }

        return (firstRanks, secondRanks);
    }

    // Eight bytes in eight 32-bit integers: even elements in the upper half, odd ones in the lower.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Pairs<TLane>(TLane ranks)
        where TLane : struct, ILane<TLane>
    {
        var two = TLane.NarrowInt(ranks).AsUInt32();
        return ((two << 4) | (two >> 16)) & Vector256.Create(0xFFu);
    }
}
