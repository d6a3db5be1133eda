using System.Runtime.Intrinsics;

namespace Guanxi.Torch.Kernels.Lanes;

/// <summary>Sixteen 32-bit cells in registers: one 512-bit vector, two of 256 bits, or sixteen scalars.</summary>
/// <remarks>
/// The width is the same at every level and each operation is exactly rounded, so a kernel written on lanes gives the same bits at every
/// level,
/// sums included: their order is part of the kernel, not of the processor.
/// Operators read the cells as float32; methods whose name contains Int, Bits or Shift read them as integers.
/// </remarks>
/// <typeparam name="TSelf">The implementing struct.</typeparam>
internal unsafe interface ILane<TSelf>
    where TSelf : struct, ILane<TSelf>
{
    /// <summary>Adds.</summary>
    static abstract TSelf operator +(TSelf left, TSelf right);

    /// <summary>Subtracts.</summary>
    static abstract TSelf operator -(TSelf left, TSelf right);

    /// <summary>Multiplies.</summary>
    static abstract TSelf operator *(TSelf left, TSelf right);

    /// <summary>Divides.</summary>
    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary>Bitwise and.</summary>
    static abstract TSelf operator &(TSelf left, TSelf right);

    /// <summary>Bitwise or.</summary>
    static abstract TSelf operator |(TSelf left, TSelf right);

    /// <summary>Bitwise exclusive or.</summary>
    static abstract TSelf operator ^(TSelf left, TSelf right);

    /// <summary>The value in every cell.</summary>
    static abstract TSelf Create(float value);

    /// <summary>The integer in every cell.</summary>
    static abstract TSelf CreateInt(int value);

    /// <summary>Reads sixteen cells; no alignment needed.</summary>
    static abstract TSelf Load(float* source);

    /// <summary>Writes sixteen cells; no alignment needed.</summary>
    static abstract void Store(TSelf value, float* target);

    /// <summary>Sixteen unsigned 16-bit integers as 32-bit ones.</summary>
    static abstract TSelf WidenInt(Vector256<ushort> value);

    /// <summary>Unsigned integers below 65536 as 16-bit ones.</summary>
    static abstract Vector256<ushort> NarrowInt(TSelf value);

    /// <summary>left * right + addend, rounded once.</summary>
    static abstract TSelf FusedMultiplyAdd(TSelf left, TSelf right, TSelf addend);

    /// <summary>left where it is the greater, else right; so a NaN in right is kept and one in left is not.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>left where it is the smaller, else right; so a NaN in right is kept and one in left is not.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>Square root.</summary>
    static abstract TSelf Sqrt(TSelf value);

    /// <summary>All bits set where left is the greater, else none.</summary>
    static abstract TSelf GreaterThan(TSelf left, TSelf right);

    /// <summary>All bits set where the value is not NaN, else none.</summary>
    static abstract TSelf IsNumber(TSelf value);

    /// <summary>All bits set where left is the greater signed integer, else none.</summary>
    static abstract TSelf GreaterThanInt(TSelf left, TSelf right);

    /// <summary>ifSet where the mask's bits are set, ifClear where they are not.</summary>
    static abstract TSelf Select(TSelf mask, TSelf ifSet, TSelf ifClear);

    /// <summary>Integer addition, wrapping.</summary>
    static abstract TSelf AddInt(TSelf left, TSelf right);

    /// <summary>Integer subtraction, wrapping.</summary>
    static abstract TSelf SubtractInt(TSelf left, TSelf right);

    /// <summary>The signed integers as floats.</summary>
    static abstract TSelf ToFloat(TSelf integers);

    /// <summary>Shifts bits towards the sign.</summary>
    static abstract TSelf ShiftLeft(TSelf value, int count);

    /// <summary>Shifts bits away from the sign, filling with zeros.</summary>
    static abstract TSelf ShiftRightLogical(TSelf value, int count);

    /// <summary>Shifts bits away from the sign, filling with the sign.</summary>
    static abstract TSelf ShiftRightArithmetic(TSelf value, int count);

    /// <summary>Upper and lower half of the 64-bit product of unsigned integers.</summary>
    static abstract (TSelf High, TSelf Low) MultiplyInt(TSelf left, uint right);

    /// <summary>Sum of the cells: i with i + 8, then with i + 4, i + 2, i + 1.</summary>
    static abstract float Sum(TSelf value);

    /// <summary>Largest cell, by the same tree and the rule of <see cref="Max(TSelf, TSelf)"/>.</summary>
    static abstract float Largest(TSelf value);
}
