using System.Runtime.InteropServices;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>
/// <see cref="Tile"/> for numbers of sixteen bits: a cell is a pair of <see cref="BFloat16"/> that lie one after the other along the depth, so that
/// matrices of pairs are cut and packed as those of half as many numbers in Float32 are. A pair's products go into one sum in Float32.
/// </summary>
/// <remarks>
/// In the native library, since .NET has no vdpbf16ps. Other processors have a form that shows what is computed; fast they are in Float32.
/// </remarks>
internal static unsafe class PairTile
{
    /// <summary>Numbers of a cell.</summary>
    public const int Pair = 2;

    private static readonly Lazy<bool> s_isSupported = new(() => Native.gx_pairs_available() != 0);

    /// <summary>Whether this processor multiplies pairs.</summary>
    public static bool IsSupported => s_isSupported.Value;

    /// <summary>c = a b, or c += a b, for some panels of b; whole tiles, as <see cref="Tile.Rows"/>.</summary>
    /// <param name="a">[rows, depth], rows <paramref name="depth"/> apart.</param>
    /// <param name="b">[panels, depth, 16].</param>
    /// <param name="depth">Cells of a sum.</param>
    /// <param name="c">[panels, rows, 16].</param>
    /// <param name="cStride">Elements between rows of c.</param>
    /// <param name="cPanel">Elements between panels of c.</param>
    /// <param name="rows">Rows wanted.</param>
    /// <param name="panels">Panels.</param>
    /// <param name="adds">Whether c holds sums to be added to.</param>
    public static void Multiply(float* a, float* b, long depth, float* c, long cStride, long cPanel, long rows, long panels, bool adds)
    {
        var product = new NativePairProduct
        {
            A = a, B = b, C = c, AStride = depth, Depth = depth, CStride = cStride, CPanel = cPanel, Rows = rows, Panels = panels, Adds = adds ? 1 : 0,
        };
        if (IsSupported)
        {
            Native.gx_pairs_multiply(&product);
        }
        else
        {
            Portable(product);
        }
    }

    /// <summary>The same, a number at a time; the rows that are wanted and no others.</summary>
    public static void Portable(in NativePairProduct product)
    {
        for (long at = 0; at < product.Panels * product.Rows * Tile.Columns; at++)
        {
            var (panel, row, column) = (at / Tile.Columns / product.Rows, at / Tile.Columns % product.Rows, at % Tile.Columns);
            var left = (BFloat16*)(product.A + (row * product.AStride));
            var right = (BFloat16*)(product.B + (panel * product.Depth * Tile.Columns) + column);
            var sum = 0f;
            for (long k = 0; k < product.Depth; k++, left += Pair, right += Pair * Tile.Columns)
            {
                sum += (left[1].ToSingle() * right[1].ToSingle()) + (left[0].ToSingle() * right[0].ToSingle());
            }

            var to = product.C + (panel * product.CPanel) + (row * product.CStride) + column;
            *to = product.Adds != 0 ? sum + *to : sum;
        }
    }
}

/// <summary>A call of the native tile; see <c>gx_pair_product</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativePairProduct
{
    public float* A;
    public float* B;
    public float* C;
    public long AStride;
    public long Depth;
    public long CStride;
    public long CPanel;
    public long Rows;
    public long Panels;
    public long Adds;
}
