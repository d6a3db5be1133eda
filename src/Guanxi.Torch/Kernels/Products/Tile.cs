using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>
/// The innermost product: rows of a left matrix, whose elements are spread over a vector one by one, times a panel of sixteen columns.
/// The sums stay in registers while the depth runs by. Each is one chain of fused multiply-adds in the order of the depth, to which the
/// former sum is added at the end, so that the bits depend neither on the level nor on how the rows are cut into tiles.
/// </summary>
/// <remarks>Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication".</remarks>
internal static unsafe class Tile
{
    /// <summary>Columns of a panel.</summary>
    public const int Columns = Lane.Width;

    /// <summary>Memory for rows comes in multiples of this: every level's tile divides it.</summary>
    public const int RowAlignment = Tile512.RowCount;

    /// <summary>Longest run of the depth that a tile goes through at once: a panel of it fills half of the first-level cache.</summary>
    public const int Depth = 256;

    /// <summary>Rounds a number of rows up to what their memory takes.</summary>
    /// <param name="rows">Rows.</param>
    /// <returns>A multiple of <see cref="RowAlignment"/>.</returns>
    public static long Align(long rows) => (rows + RowAlignment - 1) / RowAlignment * RowAlignment;

    /// <summary>c = a b, or c += a b. Whole tiles are computed: rows beyond the last one, up to <see cref="Align"/>, are read and written.</summary>
    /// <typeparam name="TLane">Names the level.</typeparam>
    /// <param name="a">[rows, depth], rows <paramref name="aStride"/> apart.</param>
    /// <param name="aStride">Elements between rows of a.</param>
    /// <param name="b">[depth, 16], contiguous.</param>
    /// <param name="depth">Length of the sums.</param>
    /// <param name="c">[rows, 16], rows <paramref name="cStride"/> apart.</param>
    /// <param name="cStride">Elements between rows of c.</param>
    /// <param name="rows">Rows wanted.</param>
    /// <param name="adds">Whether c holds sums to be added to.</param>
    /// <param name="ahead">
    /// Memory that will be wanted after this call: one row's length of it for six rows of a are brought to the second-level cache meanwhile. It is
    /// never read, so that it may lie beyond an end.
    /// </param>
    /// <remarks>Without what is fetched ahead a tenth of the speed is lost to waiting (docs/LOG.md, "Products in tiles").</remarks>
    public static void Rows<TLane>(
        float* a, long aStride, float* b, long depth, float* c, long cStride, long rows, bool adds, float* ahead)
        where TLane : struct, ILane<TLane>
    {
        if (typeof(TLane) == typeof(Lane512))
        {
            for (long row = 0; row < rows; row += Tile512.RowCount, ahead += Tile512.AheadRows * depth)
            {
                Tile512.Run(a + (row * aStride), aStride, b, depth, c + (row * cStride), cStride, adds, ahead);
            }
        }
        else if (typeof(TLane) == typeof(Lane256))
        {
            for (long row = 0; row < rows; row += Tile256.RowCount, ahead += depth)
            {
                Tile256.Run(a + (row * aStride), aStride, b, depth, c + (row * cStride), cStride, adds, ahead);
            }
        }
        else
        {
            Scalar(a, aStride, b, depth, c, cStride, rows, adds);
        }
    }

    private static void Scalar(float* a, long aStride, float* b, long depth, float* c, long cStride, long rows, bool adds)
    {
        for (long row = 0; row < rows; row++)
        {
            for (var column = 0; column < Columns; column++)
            {
                var sum = 0f;
                for (long k = 0; k < depth; k++)
                {
                    sum = MathF.FusedMultiplyAdd(a[(row * aStride) + k], b[(k * Columns) + column], sum);
                }

                var to = c + (row * cStride) + column;
                *to = adds ? sum + *to : sum;
            }
        }
    }
}
