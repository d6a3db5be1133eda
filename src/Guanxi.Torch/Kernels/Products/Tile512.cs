using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>Twelve rows by sixteen columns in twelve 512-bit registers.</summary>
internal static unsafe class Tile512
{
    /// <summary>Rows of a tile.</summary>
    public const int RowCount = 12;

    /// <summary>Rows' lengths that a tile fetches ahead.</summary>
    public const int AheadRows = RowCount / Tile256.RowCount;

    private static Vector512<float> Zero => Vector512<float>.Zero;

    /// <summary>c = a b, or c += a b; see <see cref="Tile"/>.</summary>
    // Inside a caller's code the sums would not get all the registers.
    [MethodImpl(MethodImplOptions.NoInlining | KernelRunner.Hot)]
    public static void Run(float* a, long aStride, float* b, long depth, float* c, long cStride, bool adds, float* ahead)
    {
        var (c0, c1, c2, c3, c4, c5) = (Zero, Zero, Zero, Zero, Zero, Zero);
        var (c6, c7, c8, c9, c10, c11) = (Zero, Zero, Zero, Zero, Zero, Zero);
        Prefetch(c, cStride);
        var a3 = a + (3 * aStride);
        var a6 = a3 + (3 * aStride);
        var a9 = a6 + (3 * aStride);
        for (long k = 0; k < depth; k++, b += Tile.Columns)
        {
            if (Sse.IsSupported && k % (Tile.Columns / AheadRows) == 0)
            {
                Sse.Prefetch1(ahead + (k * AheadRows));
            }

            var panel = Vector512.Load(b);
            Three(a + k, aStride, panel, ref c0, ref c1, ref c2);
            Three(a3 + k, aStride, panel, ref c3, ref c4, ref c5);
            Three(a6 + k, aStride, panel, ref c6, ref c7, ref c8);
            Three(a9 + k, aStride, panel, ref c9, ref c10, ref c11);
        }

        Store(c0, c1, c2, c, cStride, adds);
        Store(c3, c4, c5, c + (3 * cStride), cStride, adds);
        Store(c6, c7, c8, c + (6 * cStride), cStride, adds);
        Store(c9, c10, c11, c + (9 * cStride), cStride, adds);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Three(
        float* a, long aStride, Vector512<float> panel, ref Vector512<float> c0, ref Vector512<float> c1, ref Vector512<float> c2)
    {
        c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a[0]), panel, c0);
        c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a[aStride]), panel, c1);
        c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a[2 * aStride]), panel, c2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> first, Vector512<float> second, Vector512<float> third, float* c, long cStride, bool adds)
    {
        if (adds)
        {
            first += Vector512.Load(c);
            second += Vector512.Load(c + cStride);
            third += Vector512.Load(c + (2 * cStride));
        }

        first.Store(c);
        second.Store(c + cStride);
        third.Store(c + (2 * cStride));
    }

    // The former sums are wanted at the end; asked for now, they are there then.
    private static void Prefetch(float* c, long cStride)
    {
        if (Sse.IsSupported)
        {
            for (var row = 0; row < RowCount; row++)
            {
                Sse.Prefetch0(c + (row * cStride));
            }
        }
    }
}
