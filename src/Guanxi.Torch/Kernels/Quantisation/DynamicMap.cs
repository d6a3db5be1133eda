namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>The 256 values of bitsandbytes' 8-bit dynamic code: seven decades, finer towards one.</summary>
/// <remarks>Dettmers 2016 (8-bit approximations), as bitsandbytes makes the table; the signed one codes the block maxima of NF4
/// weights.</remarks>
internal static class DynamicMap
{
    private const int Decades = 7;

    /// <summary>For values in [-1, 1].</summary>
    public static float[] Signed { get; } = Make(signed: true);

    /// <summary>For values in [0, 1].</summary>
    public static float[] Unsigned { get; } = Make(signed: false);

    private static float[] Make(bool signed)
    {
        var values = new List<float> { 0f, 1f };
        for (var decade = 0; decade < Decades; decade++)
        {
            var scale = (float)Math.Pow(10, decade - (Decades - 1));
            foreach (var middle in Middles((signed ? 1 : 2) << decade))
            {
                values.Add(scale * middle);
                if (signed)
                {
                    values.Add(-(scale * middle));
                }
            }
        }

        values.Sort();
        return [.. values];
    }

    // Middles of equal cells of [0.1, 1]. The borders are counted from the nearer end, as torch.linspace does: the bits depend on it.
    private static IEnumerable<float> Middles(int cells)
    {
        var step = (1f - 0.1f) / cells;
        float Border(int i) => i < (cells + 1) / 2 ? MathF.FusedMultiplyAdd(step, i, 0.1f) : MathF.FusedMultiplyAdd(-step, cells - i, 1f);
        return Enumerable.Range(0, cells).Select(i => (Border(i) + Border(i + 1)) / 2);
    }
}
