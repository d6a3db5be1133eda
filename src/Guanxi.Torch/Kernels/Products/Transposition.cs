using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>Exchanges rows and columns of a block, eight by eight where the processor has the shuffles for it.</summary>
internal static unsafe class Transposition
{
    private const int Width = 8;

    /// <summary>to[column, row] = from[row, column].</summary>
    /// <param name="from">[rows, columns], rows <paramref name="fromStride"/> apart.</param>
    /// <param name="fromStride">Elements between rows of the source.</param>
    /// <param name="rows">Rows of the source.</param>
    /// <param name="columns">Columns of the source.</param>
    /// <param name="to">[columns, rows], rows <paramref name="toStride"/> apart.</param>
    /// <param name="toStride">Elements between rows of the target.</param>
    public static void Run(float* from, long fromStride, long rows, long columns, float* to, long toStride)
    {
        long column = 0;
        if (Avx.IsSupported)
        {
            // Source columns in the outer loop: a cache line of the source is read to its end before it can be displaced.
            for (; column + Width <= columns; column += Width)
            {
                long row = 0;
                for (; row + Width <= rows; row += Width)
                {
                    Eight(from + (row * fromStride) + column, fromStride, to + (column * toStride) + row, toStride);
                }

                Plain(from, fromStride, row, rows, column, column + Width, to, toStride);
            }
        }

        Plain(from, fromStride, 0, rows, column, columns, to, toStride);
    }

    private static void Plain(
        float* from, long fromStride, long firstRow, long endRow, long firstColumn, long endColumn, float* to, long toStride)
    {
        for (var row = firstRow; row < endRow; row++)
        {
            for (var column = firstColumn; column < endColumn; column++)
            {
                to[(column * toStride) + row] = from[(row * fromStride) + column];
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining | KernelRunner.Hot)]
    private static void Eight(float* from, long fromStride, float* to, long toStride)
    {
        var (pairs0, pairs1) = Pairs(from, fromStride);
        var (pairs2, pairs3) = Pairs(from + (2 * fromStride), fromStride);
        var (pairs4, pairs5) = Pairs(from + (4 * fromStride), fromStride);
        var (pairs6, pairs7) = Pairs(from + (6 * fromStride), fromStride);
        var (upper0, upper1) = Quads(pairs0, pairs2);
        var (upper2, upper3) = Quads(pairs1, pairs3);
        var (lower0, lower1) = Quads(pairs4, pairs6);
        var (lower2, lower3) = Quads(pairs5, pairs7);
        Halves(upper0, lower0, to, 4 * toStride);
        Halves(upper1, lower1, to + toStride, 4 * toStride);
        Halves(upper2, lower2, to + (2 * toStride), 4 * toStride);
        Halves(upper3, lower3, to + (3 * toStride), 4 * toStride);
    }

    // Two rows, interleaved within each half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> First, Vector256<float> Second) Pairs(float* from, long stride)
    {
        var (first, second) = (Vector256.Load(from), Vector256.Load(from + stride));
        return (Avx.UnpackLow(first, second), Avx.UnpackHigh(first, second));
    }

    // Four rows of one column of each half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> First, Vector256<float> Second) Quads(Vector256<float> upper, Vector256<float> lower) =>
        (Avx.Shuffle(upper, lower, 0b01_00_01_00), Avx.Shuffle(upper, lower, 0b11_10_11_10));

    // Eight rows of one column, and of the fourth column after it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Halves(Vector256<float> upper, Vector256<float> lower, float* to, long distance)
    {
        Avx.Permute2x128(upper, lower, 0x20).Store(to);
        Avx.Permute2x128(upper, lower, 0x31).Store(to + distance);
    }
}
