using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Guanxi.Torch.Kernels.Lanes;

/// <summary>What all lanes share: memory access by element type, and functions built on the operations of <see
/// cref="ILane{TSelf}"/>.</summary>
internal static unsafe class Lane
{
    /// <summary>Cells of a lane.</summary>
    public const int Width = 16;

    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    /// <summary>Reads sixteen elements.</summary>
    [MethodImpl(Inline)]
    public static TLane Load<TLane, T>(T* source)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            return TLane.Load((float*)source);
        }

        var bits = Vector256.Load((ushort*)source);
        return typeof(T) == typeof(BFloat16) ? FromBFloat16<TLane>(bits) : FromHalf<TLane>(bits);
    }

    /// <summary>Writes sixteen elements, rounded to nearest even.</summary>
    [MethodImpl(Inline)]
    public static void Store<TLane, T>(TLane value, T* target)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            TLane.Store(value, (float*)target);
            return;
        }

        Narrow<TLane, T>(value).Store((ushort*)target);
    }

    /// <summary>Reads 1 to 16 elements; the other cells are zero.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | KernelRunner.Hot)]
    public static TLane LoadPart<TLane, T>(T* source, long count)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var padded = stackalloc T[Width];
        new Span<T>(padded, Width).Clear();
        new ReadOnlySpan<T>(source, (int)count).CopyTo(new Span<T>(padded, Width));
        return Load<TLane, T>(padded);
    }

    /// <summary>Writes the first 1 to 16 cells.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | KernelRunner.Hot)]
    public static void StorePart<TLane, T>(TLane value, T* target, long count)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        var padded = stackalloc T[Width];
        Store(value, padded);
        new ReadOnlySpan<T>(padded, (int)count).CopyTo(new Span<T>(target, (int)count));
    }

    /// <summary>All bits set in the first cells, none in the others.</summary>
    [MethodImpl(Inline)]
    public static TLane FirstCells<TLane>(long count)
        where TLane : struct, ILane<TLane> => TLane.GreaterThanInt(TLane.CreateInt((int)count), Iota<TLane>());

    /// <summary>The integers 0 to 15.</summary>
    [MethodImpl(Inline)]
    public static TLane Iota<TLane>()
        where TLane : struct, ILane<TLane> =>
        TLane.WidenInt(Vector256.Create((ushort)0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));

    /// <summary>The values after a trip through memory of another element type.</summary>
    [MethodImpl(Inline)]
    public static TLane RoundTo<TLane, T>(TLane value)
        where TLane : struct, ILane<TLane>
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            return value;
        }

        return typeof(T) == typeof(BFloat16)
            ? RoundToBFloat16(value) & TLane.CreateInt(unchecked((int)0xFFFF0000))
            : FromHalf<TLane>(Narrow<TLane, T>(value));
    }

    /// <summary>The cells as 16-bit floats of type T, rounded to nearest even. A signalling NaN must have been through arithmetic
    /// before.</summary>
    [MethodImpl(Inline)]
    public static Vector256<ushort> Narrow<TLane, T>(TLane value)
        where TLane : struct, ILane<TLane>
        where T : unmanaged =>
        TLane.NarrowInt(typeof(T) == typeof(BFloat16) ? TLane.ShiftRightLogical(RoundToBFloat16(value), 16) : HalfBits(value));

    /// <summary>e to the power of each cell, within 1 unit in the last place; 0 below -87.68, infinity above 88.37, NaN for NaN.</summary>
    /// <remarks>
    /// x = n ln 2 + r with |r| at most ln 2 / 2, and the Taylor polynomial of degree 7 in r, whose remainder there is below 6e-9.
    /// ln 2 is taken in two parts, the first short enough that n times it is exact. Adding a number in which one unit in the last place
    /// is 1
    /// rounds to an integer; 127 more leave the exponent bits of 2^n at the end of the sum, where n = -127 gives the factor 0 and 128
    /// infinity.
    /// </remarks>
    [MethodImpl(Inline)]
    public static TLane Exp<TLane>(TLane x)
        where TLane : struct, ILane<TLane>
    {
        var rounding = TLane.Create(12582912f + 127f);
        x = TLane.Min(TLane.Create(89f), TLane.Max(TLane.Create(-88f), x));
        var shifted = TLane.FusedMultiplyAdd(x, TLane.Create(1.44269504f), rounding);
        var n = shifted - rounding;
        var r = TLane.FusedMultiplyAdd(n, TLane.Create(-0.693359375f), x);
        r = TLane.FusedMultiplyAdd(n, TLane.Create(2.12194440e-4f), r);

        var square = r * r;
        var low = TLane.FusedMultiplyAdd(r, TLane.Create(1f / 6), TLane.Create(0.5f));
        var middle = TLane.FusedMultiplyAdd(r, TLane.Create(1f / 120), TLane.Create(1f / 24));
        var high = TLane.FusedMultiplyAdd(r, TLane.Create(1f / 5040), TLane.Create(1f / 720));
        var tail = TLane.FusedMultiplyAdd(TLane.FusedMultiplyAdd(high, square, middle), square, low);
        var power = TLane.FusedMultiplyAdd(tail, square, r) + TLane.Create(1f);
        return power * TLane.ShiftLeft(shifted, 23);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(Inline)]
    public static TLane Sigmoid<TLane>(TLane x)
        where TLane : struct, ILane<TLane>
    {
        var one = TLane.Create(1f);
        return one / (one + Exp(TLane.Create(0f) - x));
    }

    [MethodImpl(Inline)]
    private static TLane FromBFloat16<TLane>(Vector256<ushort> bits)
        where TLane : struct, ILane<TLane> => TLane.ShiftLeft(TLane.WidenInt(bits), 16);

    // Rounding would carry a NaN of many set bits into another number, so a NaN is cut off; it stays one, since results of arithmetic are
    // quiet NaNs.
    [MethodImpl(Inline)]
    private static TLane RoundToBFloat16<TLane>(TLane value)
        where TLane : struct, ILane<TLane>
    {
        var odd = TLane.ShiftRightLogical(value, 16) & TLane.CreateInt(1);
        return TLane.AddInt(value, TLane.AddInt(odd, TLane.CreateInt(0x7FFF)) & TLane.IsNumber(value));
    }

    // The exponent is moved by a multiplication, which also makes subnormal halves normal; infinity and NaN get their exponent put back.
    [MethodImpl(Inline)]
    private static TLane FromHalf<TLane>(Vector256<ushort> bits)
        where TLane : struct, ILane<TLane>
    {
        var half = TLane.WidenInt(bits);
        var sign = TLane.ShiftLeft(half & TLane.CreateInt(0x8000), 16);
        var magnitude = TLane.ShiftLeft(half & TLane.CreateInt(0x7FFF), 13);
        var special = TLane.GreaterThanInt(magnitude, TLane.CreateInt(0x0F7FFFFF));
        var scaled = magnitude * TLane.Create(5.192296858534828e33f); // 2^112
        return sign | TLane.Select(special, magnitude | TLane.CreateInt(0x7F800000), scaled);
    }

    // Three cases by magnitude: a normal half (add half a unit, ties to even, and shift), a subnormal one (adding 0.5 aligns its last bit
    // with the last bit of the sum, which rounds it), and overflow or NaN.
    [MethodImpl(Inline)]
    private static TLane HalfBits<TLane>(TLane value)
        where TLane : struct, ILane<TLane>
    {
        var sign = TLane.ShiftRightLogical(value & TLane.CreateInt(unchecked((int)0x80000000)), 16);
        var magnitude = value & TLane.CreateInt(0x7FFFFFFF);
        var odd = TLane.ShiftRightLogical(magnitude, 13) & TLane.CreateInt(1);
        var rebiased = TLane.AddInt(magnitude, TLane.CreateInt(0xFFF - (112 << 23)));
        var normal = TLane.ShiftRightLogical(TLane.AddInt(rebiased, odd), 13);
        var half = TLane.Create(0.5f);
        var subnormal = TLane.SubtractInt(magnitude + half, half);
        var result = TLane.Select(TLane.GreaterThanInt(TLane.CreateInt(0x38800000), magnitude), subnormal, normal);
        var infinite = TLane.GreaterThanInt(magnitude, TLane.CreateInt(0x477FEFFF));
        var isNaN = TLane.GreaterThanInt(magnitude, TLane.CreateInt(0x7F800000));
        result = TLane.Select(infinite, TLane.CreateInt(0x7C00) | (isNaN & TLane.CreateInt(0x200)), result);
        return result | sign;
    }
}
