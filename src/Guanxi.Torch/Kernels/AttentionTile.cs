using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>The large tile of <see cref="AttentionProduct"/> in plain vectors.</summary>
/// <remarks>Written on <see cref="Lane256"/>, the compiler copies every sum around every multiplication, and reads every left element into
/// one cell before it fills the vector: half of the speed. The arithmetic is the same.</remarks>
internal static unsafe class AttentionTile
{
    private const int Half = Lane.Width / 2;

    /// <summary>Six rows by sixteen columns, as <see cref="AttentionProduct.Column"/>; needs AVX2 and FMA.</summary>
    /// <param name="a">Left factor.</param>
    /// <param name="b">Right factor.</param>
    /// <param name="bStep">Elements from one row of b to the next.</param>
    /// <param name="c">Result.</param>
    /// <param name="cRow">Elements from one row of c to the next.</param>
    /// <param name="steps">Terms of every sum.</param>
    /// <param name="add">Whether to add to what stands in c.</param>
    [MethodImpl(KernelRunner.Hot)]
    public static void Six(Factor a, float* b, long bStep, float* c, long cRow, int steps, bool add)
    {
        Vector256<float> c00, c01, c10, c11, c20, c21, c30, c31, c40, c41, c50, c51;
        c00 = c01 = c10 = c11 = c20 = c21 = c30 = c31 = c40 = c41 = c50 = c51 = Vector256<float>.Zero;
        if (add)
        {
            (c00, c01) = (Vector256.Load(c), Vector256.Load(c + Half));
            (c10, c11) = (Vector256.Load(c + cRow), Vector256.Load(c + cRow + Half));
            (c20, c21) = (Vector256.Load(c + (2 * cRow)), Vector256.Load(c + (2 * cRow) + Half));
            (c30, c31) = (Vector256.Load(c + (3 * cRow)), Vector256.Load(c + (3 * cRow) + Half));
            (c40, c41) = (Vector256.Load(c + (4 * cRow)), Vector256.Load(c + (4 * cRow) + Half));
            (c50, c51) = (Vector256.Load(c + (5 * cRow)), Vector256.Load(c + (5 * cRow) + Half));
        }

        var (row, step) = (a.Row, a.Step);
        var low = a.Start;
        var high = low + (3 * row);
        for (; steps > 0; steps--, low += step, high += step, b += bStep)
        {
            var (right0, right1) = (Vector256.Load(b), Vector256.Load(b + Half));
            var left = Avx.BroadcastScalarToVector256(low);
            c00 = Fma.MultiplyAdd(left, right0, c00);
            c01 = Fma.MultiplyAdd(left, right1, c01);
            left = Avx.BroadcastScalarToVector256(low + row);
            c10 = Fma.MultiplyAdd(left, right0, c10);
            c11 = Fma.MultiplyAdd(left, right1, c11);
            left = Avx.BroadcastScalarToVector256(low + (2 * row));
            c20 = Fma.MultiplyAdd(left, right0, c20);
            c21 = Fma.MultiplyAdd(left, right1, c21);
            left = Avx.BroadcastScalarToVector256(high);
            c30 = Fma.MultiplyAdd(left, right0, c30);
            c31 = Fma.MultiplyAdd(left, right1, c31);
            left = Avx.BroadcastScalarToVector256(high + row);
            c40 = Fma.MultiplyAdd(left, right0, c40);
            c41 = Fma.MultiplyAdd(left, right1, c41);
            left = Avx.BroadcastScalarToVector256(high + (2 * row));
            c50 = Fma.MultiplyAdd(left, right0, c50);
            c51 = Fma.MultiplyAdd(left, right1, c51);
        }

        Store(c, c00, c01);
        Store(c + cRow, c10, c11);
        Store(c + (2 * cRow), c20, c21);
        Store(c + (3 * cRow), c30, c31);
        Store(c + (4 * cRow), c40, c41);
        Store(c + (5 * cRow), c50, c51);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* target, Vector256<float> first, Vector256<float> second)
    {
        first.Store(target);
        second.Store(target + Half);
    }
}
