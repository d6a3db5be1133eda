using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Guanxi.Torch.Kernels.Lanes;

/// <summary>Sixteen cells, one after the other: the reference for the vector forms.</summary>
[InlineArray(Lane.Width)]
internal unsafe struct LaneScalar : ILane<LaneScalar>
{
    private float _first;

    public static LaneScalar operator +(LaneScalar left, LaneScalar right)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            left[i] += right[i];
        }

        return left;
    }

    public static LaneScalar operator -(LaneScalar left, LaneScalar right)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            left[i] -= right[i];
        }

        return left;
    }

    public static LaneScalar operator *(LaneScalar left, LaneScalar right)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            left[i] *= right[i];
        }

        return left;
    }

    public static LaneScalar operator /(LaneScalar left, LaneScalar right)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            left[i] /= right[i];
        }

        return left;
    }

    public static LaneScalar operator &(LaneScalar left, LaneScalar right) => Map(left, right, (a, b) => a & b);

    public static LaneScalar operator |(LaneScalar left, LaneScalar right) => Map(left, right, (a, b) => a | b);

    public static LaneScalar operator ^(LaneScalar left, LaneScalar right) => Map(left, right, (a, b) => a ^ b);

    public static LaneScalar Create(float value)
    {
        LaneScalar lane = default;
        ((Span<float>)lane).Fill(value);
        return lane;
    }

    public static LaneScalar CreateInt(int value) => Create(BitConverter.Int32BitsToSingle(value));

    public static LaneScalar Load(float* source)
    {
        LaneScalar lane = default;
        new ReadOnlySpan<float>(source, Lane.Width).CopyTo(lane);
        return lane;
    }

    public static void Store(LaneScalar value, float* target) => ((ReadOnlySpan<float>)value).CopyTo(new Span<float>(target, Lane.Width));

    public static LaneScalar WidenInt(Vector256<ushort> value)
    {
        LaneScalar lane = default;
        for (var i = 0; i < Lane.Width; i++)
        {
            lane[i] = BitConverter.Int32BitsToSingle(value[i]);
        }

        return lane;
    }

    public static Vector256<ushort> NarrowInt(LaneScalar value)
    {
        Span<ushort> narrow = stackalloc ushort[Lane.Width];
        for (var i = 0; i < Lane.Width; i++)
        {
            narrow[i] = (ushort)BitConverter.SingleToInt32Bits(value[i]);
        }

        return Vector256.Create<ushort>(narrow);
    }

    public static LaneScalar FusedMultiplyAdd(LaneScalar left, LaneScalar right, LaneScalar addend)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            left[i] = MathF.FusedMultiplyAdd(left[i], right[i], addend[i]);
        }

        return left;
    }

    public static LaneScalar Max(LaneScalar left, LaneScalar right)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            left[i] = left[i] > right[i] ? left[i] : right[i];
        }

        return left;
    }

    public static LaneScalar Min(LaneScalar left, LaneScalar right)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            left[i] = left[i] < right[i] ? left[i] : right[i];
        }

        return left;
    }

    public static LaneScalar Sqrt(LaneScalar value)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            value[i] = MathF.Sqrt(value[i]);
        }

        return value;
    }

    public static LaneScalar GreaterThan(LaneScalar left, LaneScalar right)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            left[i] = BitConverter.Int32BitsToSingle(left[i] > right[i] ? -1 : 0);
        }

        return left;
    }

    public static LaneScalar IsNumber(LaneScalar value)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            value[i] = BitConverter.Int32BitsToSingle(float.IsNaN(value[i]) ? 0 : -1);
        }

        return value;
    }

    public static LaneScalar GreaterThanInt(LaneScalar left, LaneScalar right) => Map(left, right, (a, b) => a > b ? -1 : 0);

    public static LaneScalar Select(LaneScalar mask, LaneScalar ifSet, LaneScalar ifClear) =>
        (mask & ifSet) | Map(mask, ifClear, (a, b) => ~a & b);

    public static LaneScalar AddInt(LaneScalar left, LaneScalar right) => Map(left, right, (a, b) => a + b);

    public static LaneScalar SubtractInt(LaneScalar left, LaneScalar right) => Map(left, right, (a, b) => a - b);

    public static LaneScalar ToFloat(LaneScalar integers)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            integers[i] = BitConverter.SingleToInt32Bits(integers[i]);
        }

        return integers;
    }

    public static LaneScalar ShiftLeft(LaneScalar value, int count) => Map(value, CreateInt(count), (a, b) => a << b);

    public static LaneScalar ShiftRightLogical(LaneScalar value, int count) => Map(value, CreateInt(count), (a, b) => a >>> b);

    public static LaneScalar ShiftRightArithmetic(LaneScalar value, int count) => Map(value, CreateInt(count), (a, b) => a >> b);

    public static (LaneScalar High, LaneScalar Low) MultiplyInt(LaneScalar left, uint right)
    {
        var high = left;
        for (var i = 0; i < Lane.Width; i++)
        {
            var product = (ulong)BitConverter.SingleToUInt32Bits(left[i]) * right;
            high[i] = BitConverter.UInt32BitsToSingle((uint)(product >> 32));
            left[i] = BitConverter.UInt32BitsToSingle((uint)product);
        }

        return (high, left);
    }

    public static float Sum(LaneScalar value)
    {
        for (var half = Lane.Width / 2; half > 0; half /= 2)
        {
            for (var i = 0; i < half; i++)
            {
                value[i] += value[i + half];
            }
        }

        return value[0];
    }

    public static float Largest(LaneScalar value)
    {
        for (var half = Lane.Width / 2; half > 0; half /= 2)
        {
            for (var i = 0; i < half; i++)
            {
                value[i] = value[i] > value[i + half] ? value[i] : value[i + half];
            }
        }

        return value[0];
    }

    private static LaneScalar Map(LaneScalar left, LaneScalar right, Func<int, int, int> function)
    {
        for (var i = 0; i < Lane.Width; i++)
        {
            var bits = function(BitConverter.SingleToInt32Bits(left[i]), BitConverter.SingleToInt32Bits(right[i]));
            left[i] = BitConverter.Int32BitsToSingle(bits);
        }

        return left;
    }
}
