using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>The left factor of a product, with any two strides, so that it can be read across as well.</summary>
/// <param name="start">First element.</param>
/// <param name="row">Elements from one row of the result to the next.</param>
/// <param name="step">Elements from one term of the sums to the next.</param>
internal readonly unsafe struct Factor(float* start, long row, long step)
{
    /// <summary>First element.</summary>
    public readonly float* Start = start;

    /// <summary>Elements from one row of the result to the next.</summary>
    public readonly long Row = row;

    /// <summary>Elements from one term of the sums to the next.</summary>
    public readonly long Step = step;
}

/// <summary>Products of small matrices, one lane of columns at a time.</summary>
/// <remarks>
/// Six rows by one lane keep twelve sums in the sixteen 256-bit registers, with two for the right factor and one for the left. Every
/// element is one chain of fused multiply-adds from the first term to the last, however the rows are cut into tiles.
/// </remarks>
internal static unsafe class AttentionProduct
{
    /// <summary>Rows of the large tile.</summary>
    public const int Tile = 6;

    private const int HalfTile = 3;

    /// <summary>c[r, 0..15] = (add ? c[r, 0..15] : 0) + sum over k of a[r, k] * b[k, 0..15].</summary>
    /// <typeparam name="TLane">The lane.</typeparam>
    /// <param name="a">Left factor.</param>
    /// <param name="b">Right factor: the column's first element.</param>
    /// <param name="bStep">Elements from one row of b to the next.</param>
    /// <param name="c">Result: the column's first element.</param>
    /// <param name="cRow">Elements from one row of c to the next.</param>
    /// <param name="rows">Rows of a and c.</param>
    /// <param name="steps">Terms of every sum.</param>
    /// <param name="add">Whether to add to what stands in c.</param>
    [MethodImpl(KernelRunner.Hot)]
    public static void Column<TLane>(Factor a, float* b, long bStep, float* c, long cRow, int rows, int steps, bool add)
        where TLane : struct, ILane<TLane>
    {
        var from = a.Start;
        for (; rows >= Tile; rows -= Tile, from += Tile * a.Row, c += Tile * cRow)
        {
            if (typeof(TLane) == typeof(Lane256) && Fma.IsSupported)
            {
                AttentionTile.Six(new Factor(from, a.Row, a.Step), b, bStep, c, cRow, steps, add);
            }
            else
            {
                Six<TLane>(from, a.Row, a.Step, b, bStep, c, cRow, steps, add);
            }
        }

        for (; rows >= HalfTile; rows -= HalfTile, from += HalfTile * a.Row, c += HalfTile * cRow)
        {
            Three<TLane>(from, a.Row, a.Step, b, bStep, c, cRow, steps, add);
        }

        for (; rows > 0; rows--, from += a.Row, c += cRow)
        {
            One<TLane>(from, a.Step, b, bStep, c, steps, add);
        }
    }

    [MethodImpl(KernelRunner.Hot)]
    private static void Six<TLane>(float* a, long aRow, long aStep, float* b, long bStep, float* c, long cRow, int steps, bool add)
        where TLane : struct, ILane<TLane>
    {
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow;
        var c0 = Start<TLane>(c, add);
        var c1 = Start<TLane>(c + cRow, add);
        var c2 = Start<TLane>(c + (2 * cRow), add);
        var c3 = Start<TLane>(c + (3 * cRow), add);
        var c4 = Start<TLane>(c + (4 * cRow), add);
        var c5 = Start<TLane>(c + (5 * cRow), add);
        for (long i = 0; steps > 0; steps--, i += aStep, b += bStep)
        {
            var right = TLane.Load(b);
            c0 = TLane.FusedMultiplyAdd(TLane.Create(a[i]), right, c0);
            c1 = TLane.FusedMultiplyAdd(TLane.Create(a1[i]), right, c1);
            c2 = TLane.FusedMultiplyAdd(TLane.Create(a2[i]), right, c2);
            c3 = TLane.FusedMultiplyAdd(TLane.Create(a3[i]), right, c3);
            c4 = TLane.FusedMultiplyAdd(TLane.Create(a4[i]), right, c4);
            c5 = TLane.FusedMultiplyAdd(TLane.Create(a5[i]), right, c5);
        }

        TLane.Store(c0, c);
        TLane.Store(c1, c + cRow);
        TLane.Store(c2, c + (2 * cRow));
        TLane.Store(c3, c + (3 * cRow));
        TLane.Store(c4, c + (4 * cRow));
        TLane.Store(c5, c + (5 * cRow));
    }

    [MethodImpl(KernelRunner.Hot)]
    private static void Three<TLane>(float* a, long aRow, long aStep, float* b, long bStep, float* c, long cRow, int steps, bool add)
        where TLane : struct, ILane<TLane>
    {
        float* a1 = a + aRow, a2 = a1 + aRow;
        var c0 = Start<TLane>(c, add);
        var c1 = Start<TLane>(c + cRow, add);
        var c2 = Start<TLane>(c + (2 * cRow), add);
        for (long i = 0; steps > 0; steps--, i += aStep, b += bStep)
        {
            var right = TLane.Load(b);
            c0 = TLane.FusedMultiplyAdd(TLane.Create(a[i]), right, c0);
            c1 = TLane.FusedMultiplyAdd(TLane.Create(a1[i]), right, c1);
            c2 = TLane.FusedMultiplyAdd(TLane.Create(a2[i]), right, c2);
        }

        TLane.Store(c0, c);
        TLane.Store(c1, c + cRow);
        TLane.Store(c2, c + (2 * cRow));
    }

    [MethodImpl(KernelRunner.Hot)]
    private static void One<TLane>(float* a, long aStep, float* b, long bStep, float* c, int steps, bool add)
        where TLane : struct, ILane<TLane>
    {
        var sum = Start<TLane>(c, add);
        for (; steps > 0; steps--, a += aStep, b += bStep)
        {
            sum = TLane.FusedMultiplyAdd(TLane.Create(*a), TLane.Load(b), sum);
        }

        TLane.Store(sum, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLane Start<TLane>(float* c, bool add)
        where TLane : struct, ILane<TLane> => add ? TLane.Load(c) : TLane.Create(0f);
}
