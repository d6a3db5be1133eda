using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Guanxi.Torch.Kernels.Lanes;

/// <summary>Sixteen cells in one 512-bit vector.</summary>
internal readonly unsafe struct Lane512(Vector512<float> cells) : ILane<Lane512>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>The cells.</summary>
    public readonly Vector512<float> Cells = cells;

    [MethodImpl(Inline)]
    public static Lane512 operator +(Lane512 left, Lane512 right) => new(left.Cells + right.Cells);

    [MethodImpl(Inline)]
    public static Lane512 operator -(Lane512 left, Lane512 right) => new(left.Cells - right.Cells);

    [MethodImpl(Inline)]
    public static Lane512 operator *(Lane512 left, Lane512 right) => new(left.Cells * right.Cells);

    [MethodImpl(Inline)]
    public static Lane512 operator /(Lane512 left, Lane512 right) => new(left.Cells / right.Cells);

    [MethodImpl(Inline)]
    public static Lane512 operator &(Lane512 left, Lane512 right) => new(left.Cells & right.Cells);

    [MethodImpl(Inline)]
    public static Lane512 operator |(Lane512 left, Lane512 right) => new(left.Cells | right.Cells);

    [MethodImpl(Inline)]
    public static Lane512 operator ^(Lane512 left, Lane512 right) => new(left.Cells ^ right.Cells);

    [MethodImpl(Inline)]
    public static Lane512 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(Inline)]
    public static Lane512 CreateInt(int value) => new(Vector512.Create(value).AsSingle());

    [MethodImpl(Inline)]
    public static Lane512 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(Inline)]
    public static void Store(Lane512 value, float* target) => value.Cells.Store(target);

    [MethodImpl(Inline)]
    public static Lane512 WidenInt(Vector256<ushort> value) => new(Vector512.WidenLower(value.ToVector512Unsafe()).AsSingle());

    [MethodImpl(Inline)]
    public static Vector256<ushort> NarrowInt(Lane512 value) =>
        Avx512F.IsSupported
            ? Avx512F.ConvertToVector256UInt16(value.Cells.AsUInt32())
            : Vector256.Narrow(value.Cells.GetLower().AsUInt32(), value.Cells.GetUpper().AsUInt32());

    [MethodImpl(Inline)]
    public static Lane512 FusedMultiplyAdd(Lane512 left, Lane512 right, Lane512 addend) =>
        new(Vector512.FusedMultiplyAdd(left.Cells, right.Cells, addend.Cells));

    [MethodImpl(Inline)]
    public static Lane512 Max(Lane512 left, Lane512 right) => new(Vector512.MaxNative(left.Cells, right.Cells));

    [MethodImpl(Inline)]
    public static Lane512 Min(Lane512 left, Lane512 right) => new(Vector512.MinNative(left.Cells, right.Cells));

    [MethodImpl(Inline)]
    public static Lane512 Sqrt(Lane512 value) => new(Vector512.Sqrt(value.Cells));

    [MethodImpl(Inline)]
    public static Lane512 GreaterThan(Lane512 left, Lane512 right) => new(Vector512.GreaterThan(left.Cells, right.Cells));

    [MethodImpl(Inline)]
    public static Lane512 IsNumber(Lane512 value) => new(Vector512.Equals(value.Cells, value.Cells));

    [MethodImpl(Inline)]
    public static Lane512 GreaterThanInt(Lane512 left, Lane512 right) =>
        new(Vector512.GreaterThan(left.Cells.AsInt32(), right.Cells.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static Lane512 Select(Lane512 mask, Lane512 ifSet, Lane512 ifClear) =>
        new(Vector512.ConditionalSelect(mask.Cells, ifSet.Cells, ifClear.Cells));

    [MethodImpl(Inline)]
    public static Lane512 AddInt(Lane512 left, Lane512 right) => new((left.Cells.AsInt32() + right.Cells.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static Lane512 SubtractInt(Lane512 left, Lane512 right) => new((left.Cells.AsInt32() - right.Cells.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static Lane512 ToFloat(Lane512 integers) => new(Vector512.ConvertToSingle(integers.Cells.AsInt32()));

    [MethodImpl(Inline)]
    public static Lane512 ShiftLeft(Lane512 value, int count) => new((value.Cells.AsInt32() << count).AsSingle());

    [MethodImpl(Inline)]
    public static Lane512 ShiftRightLogical(Lane512 value, int count) => new((value.Cells.AsUInt32() >> count).AsSingle());

    [MethodImpl(Inline)]
    public static Lane512 ShiftRightArithmetic(Lane512 value, int count) => new((value.Cells.AsInt32() >> count).AsSingle());

    [MethodImpl(Inline)]
    public static (Lane512 High, Lane512 Low) MultiplyInt(Lane512 left, uint right)
    {
        if (!Avx512F.IsSupported)
        {
            return MultiplyHalves(left.Cells.AsUInt32(), right);
        }

        var cells = left.Cells.AsUInt32();
        var factor = Vector512.Create(right);
        var oddCells = Vector512.Create(0xFFFF_FFFF_0000_0000UL).AsUInt32();
        var even = Avx512F.Multiply(cells, factor);
        var odd = Avx512F.Multiply((cells.AsUInt64() >> 32).AsUInt32(), factor);
        return (
            new(Vector512.ConditionalSelect(oddCells, odd.AsUInt32(), (even >> 32).AsUInt32()).AsSingle()),
            new(Vector512.ConditionalSelect(oddCells, (odd << 32).AsUInt32(), even.AsUInt32()).AsSingle()));
    }

    [MethodImpl(Inline)]
    public static float Sum(Lane512 value) => Lane256.Sum(new(value.Cells.GetLower(), value.Cells.GetUpper()));

    [MethodImpl(Inline)]
    public static float Largest(Lane512 value) => Lane256.Largest(new(value.Cells.GetLower(), value.Cells.GetUpper()));

    private static (Lane512 High, Lane512 Low) MultiplyHalves(Vector512<uint> left, uint right)
    {
        var (lowerHigh, lowerLow) = Lane256.Multiply(left.GetLower(), right);
        var (upperHigh, upperLow) = Lane256.Multiply(left.GetUpper(), right);
        return (new(Vector512.Create(lowerHigh, upperHigh).AsSingle()), new(Vector512.Create(lowerLow, upperLow).AsSingle()));
    }
}
