using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>Six rows by sixteen columns in twelve 256-bit registers; four more hold what is being multiplied.</summary>
internal static unsafe class Tile256
{
    /// <summary>Rows of a tile.</summary>
    public const int RowCount = 6;

    private static Vector256<float> Zero => Vector256<float>.Zero;

    /// <summary>c = a b, or c += a b; see <see cref="Tile"/>.</summary>
    // Inside a caller's code the sums would not get all the registers.
    [MethodImpl(MethodImplOptions.NoInlining | KernelRunner.Hot)]
    public static void Run(float* a, long aStride, float* b, long depth, float* c, long cStride, bool adds, float* ahead)
    {
        var (c00, c01, c10, c11, c20, c21) = (Zero, Zero, Zero, Zero, Zero, Zero);
        var (c30, c31, c40, c41, c50, c51) = (Zero, Zero, Zero, Zero, Zero, Zero);
        Prefetch(c, cStride);
        Prefetch(c + (3 * cStride), cStride);
        var a3 = a + (3 * aStride);
        var end = b + (depth * Tile.Columns);
        for (var unrolled = b + ((depth & ~3) * Tile.Columns); b < unrolled; b += 4 * Tile.Columns, a += 4, a3 += 4, ahead += 4)
        {
            if (Sse.IsSupported)
            {
                // A quarter of a cache line further each time: the line is asked for four times, which costs nothing.
                Sse.Prefetch1(ahead);
            }

            Step(a, a3, aStride, b, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            Step(
                a + 1, a3 + 1, aStride, b + Tile.Columns,
                ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            Step(
                a + 2, a3 + 2, aStride, b + (2 * Tile.Columns),
                ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
            Step(
                a + 3, a3 + 3, aStride, b + (3 * Tile.Columns),
                ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
        }

        for (; b < end; b += Tile.Columns, a++, a3++)
        {
            Step(a, a3, aStride, b, ref c00, ref c01, ref c10, ref c11, ref c20, ref c21, ref c30, ref c31, ref c40, ref c41, ref c50, ref c51);
        }

        Store(c00, c01, c, adds);
        Store(c10, c11, c + cStride, adds);
        Store(c20, c21, c + (2 * cStride), adds);
        Store(c30, c31, c + (3 * cStride), adds);
        Store(c40, c41, c + (4 * cStride), adds);
        Store(c50, c51, c + (5 * cStride), adds);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(
        float* a,
        float* a3,
        long aStride,
        float* b,
        ref Vector256<float> c00,
        ref Vector256<float> c01,
        ref Vector256<float> c10,
        ref Vector256<float> c11,
        ref Vector256<float> c20,
        ref Vector256<float> c21,
        ref Vector256<float> c30,
        ref Vector256<float> c31,
        ref Vector256<float> c40,
        ref Vector256<float> c41,
        ref Vector256<float> c50,
        ref Vector256<float> c51)
    {
        var (b0, b1) = (Vector256.Load(b), Vector256.Load(b + 8));
        Row(a, b0, b1, ref c00, ref c01);
        Row(a + aStride, b0, b1, ref c10, ref c11);
        Row(a + (2 * aStride), b0, b1, ref c20, ref c21);
        Row(a3, b0, b1, ref c30, ref c31);
        Row(a3 + aStride, b0, b1, ref c40, ref c41);
        Row(a3 + (2 * aStride), b0, b1, ref c50, ref c51);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(float* a, Vector256<float> b0, Vector256<float> b1, ref Vector256<float> c0, ref Vector256<float> c1)
    {
        var spread = Vector256.Create(*a);
        c0 = Vector256.FusedMultiplyAdd(spread, b0, c0);
        c1 = Vector256.FusedMultiplyAdd(spread, b1, c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<float> lower, Vector256<float> upper, float* c, bool adds)
    {
        if (adds)
        {
            lower += Vector256.Load(c);
            upper += Vector256.Load(c + 8);
        }

        lower.Store(c);
        upper.Store(c + 8);
    }

    // The former sums are wanted at the end; asked for now, they are there then.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* c, long cStride)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(c);
            Sse.Prefetch0(c + cStride);
            Sse.Prefetch0(c + (2 * cStride));
        }
    }
}
