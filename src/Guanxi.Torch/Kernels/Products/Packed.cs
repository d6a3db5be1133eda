namespace Guanxi.Torch.Kernels.Products;

/// <summary>
/// A right matrix [depth, columns] cut for <see cref="Tile"/>: runs of <see cref="Tile.Depth"/> rows, in each the panels of sixteen
/// columns one after the other. Columns that fill the last panel up are zero.
/// </summary>
/// <param name="data">First element.</param>
/// <param name="depth">Rows of the matrix.</param>
/// <param name="columns">Columns of the matrix.</param>
internal readonly unsafe struct Panels(float* data, long depth, long columns)
{
    /// <summary>Rows of the matrix.</summary>
    public long Depth => depth;

    /// <summary>Number of panels.</summary>
    public long Count => CountOf(columns);

    /// <summary>Number of panels for some columns.</summary>
    public static long CountOf(long columns) => (columns + Tile.Columns - 1) / Tile.Columns;

    /// <summary>Elements of memory.</summary>
    public static long Size(long depth, long columns) => depth * CountOf(columns) * Tile.Columns;

    /// <summary>Length of the run that begins at a row.</summary>
    public long RunLength(long firstRow) => Math.Min(Tile.Depth, depth - firstRow);

    /// <summary>One panel of a run: [run length, 16], contiguous.</summary>
    /// <param name="firstRow">A multiple of <see cref="Tile.Depth"/>.</param>
    /// <param name="panel">Number of the panel.</param>
    public float* At(long firstRow, long panel) => data + (((firstRow * Count) + (panel * RunLength(firstRow))) * Tile.Columns);
}

/// <summary>
/// A left matrix [rows, depth] cut for <see cref="Tile"/>: runs of <see cref="Tile.Depth"/> columns, in each the rows one after the other,
/// filled up to <see cref="Tile.Align"/> with rows that are read but do not count.
/// </summary>
/// <param name="data">First element.</param>
/// <param name="rows">Rows of the matrix.</param>
/// <param name="depth">Columns of the matrix.</param>
internal readonly unsafe struct PackedRows(float* data, long rows, long depth)
{
    /// <summary>Rows of the matrix.</summary>
    public long Count => rows;

    /// <summary>Columns of the matrix.</summary>
    public long Depth => depth;

    /// <summary>Elements of memory.</summary>
    public static long Size(long rows, long depth) => Tile.Align(rows) * depth;

    /// <summary>Length of the run that begins at a column, and distance of its rows.</summary>
    public long RunLength(long firstColumn) => Math.Min(Tile.Depth, depth - firstColumn);

    /// <summary>One row of a run.</summary>
    /// <param name="firstColumn">A multiple of <see cref="Tile.Depth"/>.</param>
    /// <param name="row">Number of the row.</param>
    public float* At(long firstColumn, long row) => data + (firstColumn * Tile.Align(rows)) + (row * RunLength(firstColumn));

    /// <summary>Where one element lies.</summary>
    /// <param name="row">Its row.</param>
    /// <param name="column">Its column.</param>
    public float* Cell(long row, long column)
    {
        var first = column / Tile.Depth * Tile.Depth;
        return At(first, row) + (column - first);
    }
}
