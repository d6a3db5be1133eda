using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>Brings 64 elements of a row of a stored matrix to registers as float32, in whatever order costs least.</summary>
/// <remarks>The order is the same at every level, so that sums over it are too.</remarks>
internal unsafe interface IWeightReader
{
    /// <summary>Elements of a group.</summary>
    const int Group = 64;

    /// <summary>Which element of the group is in each of its 64 cells.</summary>
    static abstract ReadOnlySpan<byte> Order { get; }

    /// <summary>Bytes of a group.</summary>
    static abstract int GroupBytes { get; }

    /// <summary>Number by which the other methods know a place.</summary>
    /// <param name="row">Row of the matrix.</param>
    /// <param name="group">Group of the row; may lie beyond the matrix for a place that is only fetched.</param>
    long Place(long row, long group);

    /// <summary>Asks for memory that will be read soon.</summary>
    /// <param name="place">The place.</param>
    /// <param name="group">Groups behind it.</param>
    void Fetch(long place, long group);

    /// <summary>Reads the first 32 cells.</summary>
    void First<TLane>(long place, long group, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane>;

    /// <summary>Reads the last 32 cells.</summary>
    void Second<TLane>(long place, long group, out TLane lower, out TLane upper)
        where TLane : struct, ILane<TLane>;
}

/// <summary>Orders of cells.</summary>
internal static class CellOrder
{
    private static readonly byte[] s_natural = [.. Enumerable.Range(0, IWeightReader.Group).Select(cell => (byte)cell)];

    // First the upper halves of all bytes, then the lower ones; bytes as interleaving within 128 bits leaves them.
    private static readonly byte[] s_halfBytes = [.. Enumerable.Range(0, IWeightReader.Group).Select(HalfByte)];

    /// <summary>As in memory.</summary>
    public static ReadOnlySpan<byte> Natural => s_natural;

    /// <summary>Numbers of 4 bits.</summary>
    public static ReadOnlySpan<byte> HalfBytes => s_halfBytes;

    private static byte HalfByte(int cell)
    {
        var quad = (cell >> 2) & 7;
        var number = ((quad >> 1) << 2) + ((quad & 1) << 4) + (cell & 3);
        return (byte)((2 * number) + (cell >> 5));
    }
}
