using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Guanxi.Torch.Kernels.Lanes;

/// <summary>Sixteen cells in two 256-bit vectors.</summary>
internal readonly unsafe struct Lane256(Vector256<float> lower, Vector256<float> upper) : ILane<Lane256>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>Cells 0 to 7.</summary>
    public readonly Vector256<float> Lower = lower;

    /// <summary>Cells 8 to 15.</summary>
    public readonly Vector256<float> Upper = upper;

    [MethodImpl(Inline)]
    public static Lane256 operator +(Lane256 left, Lane256 right) => new(left.Lower + right.Lower, left.Upper + right.Upper);

    [MethodImpl(Inline)]
    public static Lane256 operator -(Lane256 left, Lane256 right) => new(left.Lower - right.Lower, left.Upper - right.Upper);

    [MethodImpl(Inline)]
    public static Lane256 operator *(Lane256 left, Lane256 right) => new(left.Lower * right.Lower, left.Upper * right.Upper);

    [MethodImpl(Inline)]
    public static Lane256 operator /(Lane256 left, Lane256 right) => new(left.Lower / right.Lower, left.Upper / right.Upper);

    [MethodImpl(Inline)]
    public static Lane256 operator &(Lane256 left, Lane256 right) => new(left.Lower & right.Lower, left.Upper & right.Upper);

    [MethodImpl(Inline)]
    public static Lane256 operator |(Lane256 left, Lane256 right) => new(left.Lower | right.Lower, left.Upper | right.Upper);

    [MethodImpl(Inline)]
    public static Lane256 operator ^(Lane256 left, Lane256 right) => new(left.Lower ^ right.Lower, left.Upper ^ right.Upper);

    [MethodImpl(Inline)]
    public static Lane256 Create(float value) => new(Vector256.Create(value), Vector256.Create(value));

    [MethodImpl(Inline)]
    public static Lane256 CreateInt(int value) => new(Vector256.Create(value).AsSingle(), Vector256.Create(value).AsSingle());

    [MethodImpl(Inline)]
    public static Lane256 Load(float* source) => new(Vector256.Load(source), Vector256.Load(source + 8));

    [MethodImpl(Inline)]
    public static void Store(Lane256 value, float* target)
    {
        value.Lower.Store(target);
        value.Upper.Store(target + 8);
    }

    [MethodImpl(Inline)]
    public static Lane256 WidenInt(Vector256<ushort> value)
    {
        var (lower, upper) = Vector256.Widen(value);
        return new(lower.AsSingle(), upper.AsSingle());
    }

    [MethodImpl(Inline)]
    public static Vector256<ushort> NarrowInt(Lane256 value) =>
        Avx2.IsSupported
            ? Avx2.Permute4x64(Avx2.PackUnsignedSaturate(value.Lower.AsInt32(), value.Upper.AsInt32()).AsUInt64(), 0b11_01_10_00).AsUInt16()
            : Vector256.Narrow(value.Lower.AsUInt32(), value.Upper.AsUInt32());

    [MethodImpl(Inline)]
    public static Lane256 FusedMultiplyAdd(Lane256 left, Lane256 right, Lane256 addend) =>
        new(
            Vector256.FusedMultiplyAdd(left.Lower, right.Lower, addend.Lower),
            Vector256.FusedMultiplyAdd(left.Upper, right.Upper, addend.Upper));

    [MethodImpl(Inline)]
    public static Lane256 Max(Lane256 left, Lane256 right) =>
        new(Vector256.MaxNative(left.Lower, right.Lower), Vector256.MaxNative(left.Upper, right.Upper));

    [MethodImpl(Inline)]
    public static Lane256 Min(Lane256 left, Lane256 right) =>
        new(Vector256.MinNative(left.Lower, right.Lower), Vector256.MinNative(left.Upper, right.Upper));

    [MethodImpl(Inline)]
    public static Lane256 Sqrt(Lane256 value) => new(Vector256.Sqrt(value.Lower), Vector256.Sqrt(value.Upper));

    [MethodImpl(Inline)]
    public static Lane256 GreaterThan(Lane256 left, Lane256 right) =>
        new(Vector256.GreaterThan(left.Lower, right.Lower), Vector256.GreaterThan(left.Upper, right.Upper));

    [MethodImpl(Inline)]
    public static Lane256 IsNumber(Lane256 value) =>
        new(Vector256.Equals(value.Lower, value.Lower), Vector256.Equals(value.Upper, value.Upper));

    [MethodImpl(Inline)]
    public static Lane256 GreaterThanInt(Lane256 left, Lane256 right) =>
        new(
            Vector256.GreaterThan(left.Lower.AsInt32(), right.Lower.AsInt32()).AsSingle(),
            Vector256.GreaterThan(left.Upper.AsInt32(), right.Upper.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static Lane256 Select(Lane256 mask, Lane256 ifSet, Lane256 ifClear) => Avx.IsSupported
        ? new(
            Avx.BlendVariable(ifClear.Lower, ifSet.Lower, mask.Lower),
            Avx.BlendVariable(ifClear.Upper, ifSet.Upper, mask.Upper))
        : new(
            Vector256.ConditionalSelect(mask.Lower, ifSet.Lower, ifClear.Lower),
            Vector256.ConditionalSelect(mask.Upper, ifSet.Upper, ifClear.Upper));

    [MethodImpl(Inline)]
    public static Lane256 AddInt(Lane256 left, Lane256 right) =>
        new((left.Lower.AsInt32() + right.Lower.AsInt32()).AsSingle(), (left.Upper.AsInt32() + right.Upper.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static Lane256 SubtractInt(Lane256 left, Lane256 right) =>
        new((left.Lower.AsInt32() - right.Lower.AsInt32()).AsSingle(), (left.Upper.AsInt32() - right.Upper.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static Lane256 ToFloat(Lane256 integers) =>
        new(Vector256.ConvertToSingle(integers.Lower.AsInt32()), Vector256.ConvertToSingle(integers.Upper.AsInt32()));

    [MethodImpl(Inline)]
    public static Lane256 ShiftLeft(Lane256 value, int count) =>
        new((value.Lower.AsInt32() << count).AsSingle(), (value.Upper.AsInt32() << count).AsSingle());

    [MethodImpl(Inline)]
    public static Lane256 ShiftRightLogical(Lane256 value, int count) =>
        new((value.Lower.AsUInt32() >> count).AsSingle(), (value.Upper.AsUInt32() >> count).AsSingle());

    [MethodImpl(Inline)]
    public static Lane256 ShiftRightArithmetic(Lane256 value, int count) =>
        new((value.Lower.AsInt32() >> count).AsSingle(), (value.Upper.AsInt32() >> count).AsSingle());

    [MethodImpl(Inline)]
    public static (Lane256 High, Lane256 Low) MultiplyInt(Lane256 left, uint right)
    {
        var (lowerHigh, lowerLow) = Multiply(left.Lower.AsUInt32(), right);
        var (upperHigh, upperLow) = Multiply(left.Upper.AsUInt32(), right);
        return (new(lowerHigh.AsSingle(), upperHigh.AsSingle()), new(lowerLow.AsSingle(), upperLow.AsSingle()));
    }

    [MethodImpl(Inline)]
    public static float Sum(Lane256 value)
    {
        var eight = value.Lower + value.Upper;
        var four = eight.GetLower() + eight.GetUpper();
        var two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return (two + Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(Inline)]
    public static float Largest(Lane256 value)
    {
        var eight = Vector256.MaxNative(value.Lower, value.Upper);
        var four = Vector128.MaxNative(eight.GetLower(), eight.GetUpper());
        var two = Vector128.MaxNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    /// <summary>Upper and lower half of the products of eight unsigned integers with one.</summary>
    [MethodImpl(Inline)]
    public static (Vector256<uint> High, Vector256<uint> Low) Multiply(Vector256<uint> left, uint right)
    {
        if (!Avx2.IsSupported)
        {
            return MultiplyPortable(left, right);
        }

        var factor = Vector256.Create(right);
        var even = Avx2.Multiply(left, factor);
        var odd = Avx2.Multiply((left.AsUInt64() >> 32).AsUInt32(), factor);
        return (
            Avx2.Blend((even >> 32).AsUInt32(), odd.AsUInt32(), 0b1010_1010),
            Avx2.Blend(even.AsUInt32(), (odd << 32).AsUInt32(), 0b1010_1010));
    }

    private static (Vector256<uint> High, Vector256<uint> Low) MultiplyPortable(Vector256<uint> left, uint right)
    {
        var (lower, upper) = Vector256.Widen(left);
        var factor = Vector256.Create((ulong)right);
        var (lowerProduct, upperProduct) = (lower * factor, upper * factor);
        return (Vector256.Narrow(lowerProduct >> 32, upperProduct >> 32), Vector256.Narrow(lowerProduct, upperProduct));
    }
}
