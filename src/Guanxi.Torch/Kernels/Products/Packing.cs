using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>Brings row-major matrices into the orders of memory that <see cref="Tile"/> reads, spread over the threads.</summary>
internal static unsafe class Packing
{
    private const long GrainElements = 16 * 1024;

    // Columns that are turned together: whole cache lines.
    private const long BlockWidth = 32;

    /// <summary>Packs the transpose of a row-major matrix as a right matrix: sixteen of its rows become the columns of a panel.</summary>
    /// <param name="x">[rows, depth].</param>
    /// <param name="rows">Rows of x.</param>
    /// <param name="panels">[depth, rows].</param>
    public static void Transposed(float* x, long rows, Panels panels) =>
        KernelRunner.For(panels.Count, KernelRunner.Grain(GrainElements, panels.Depth * Tile.Columns), new TransposeKernel(x, rows, panels));

    /// <summary>Packs a row-major matrix as a right matrix.</summary>
    /// <param name="x">[depth, columns].</param>
    /// <param name="columns">Columns of x.</param>
    /// <param name="panels">Of the same shape.</param>
    public static void Columns(float* x, long columns, Panels panels)
    {
        var runs = (panels.Depth + Tile.Depth - 1) / Tile.Depth;
        KernelRunner.For(runs, KernelRunner.Grain(GrainElements, Tile.Depth * columns), new ColumnKernel(x, columns, panels));
    }

    /// <summary>Packs a row-major matrix as a left matrix.</summary>
    /// <param name="x">[rows, depth].</param>
    /// <param name="packed">Of the same shape.</param>
    public static void Rows(float* x, PackedRows packed) =>
        KernelRunner.For(packed.Count, KernelRunner.Grain(GrainElements, packed.Depth), new RowKernel(x, packed));

    /// <summary>Packs the transpose of a row-major matrix as a left matrix: its columns become rows.</summary>
    /// <param name="x">[tokens, width].</param>
    /// <param name="packed">[width, tokens].</param>
    public static void TransposedRows(float* x, PackedRows packed) =>
        KernelRunner.For((packed.Count + BlockWidth - 1) / BlockWidth, KernelRunner.Grain(GrainElements, packed.Depth * BlockWidth), new TurnKernel(x, packed));

    /// <summary>Packs some rows of a left matrix on the calling thread.</summary>
    public static void SomeRows<TLane>(float* x, PackedRows packed, long first, long last)
        where TLane : struct, ILane<TLane>
    {
        for (long column = 0; column < packed.Depth; column += Tile.Depth)
        {
            var length = packed.RunLength(column);
            for (var row = first; row < last; row++)
            {
                PanelCopy.Widen<TLane, float>(x + (row * packed.Depth) + column, packed.At(column, row), length);
            }
        }
    }

    /// <summary>Packs one panel of the transpose of some rows on the calling thread.</summary>
    /// <param name="x">[rows, length].</param>
    /// <param name="stride">Elements between rows of x.</param>
    /// <param name="rows">1 to 16; cells of the rows that are missing become zero.</param>
    /// <param name="length">Elements of a row.</param>
    /// <param name="panel">[length, 16].</param>
    public static void OnePanel(float* x, long stride, long rows, long length, float* panel)
    {
        if (rows < Tile.Columns)
        {
            new Span<float>(panel, (int)(length * Tile.Columns)).Clear();
        }

        Transposition.Run(x, stride, rows, length, panel, Tile.Columns);
    }

    private readonly struct TransposeKernel(float* x, long rows, Panels panels) : IKernel
    {
        private readonly Panels _panels = panels;

        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var panel = first; panel < last; panel++)
            {
                var row = panel * Tile.Columns;
                for (long column = 0; column < _panels.Depth; column += Tile.Depth)
                {
                    OnePanel(
                        x + (row * _panels.Depth) + column,
                        _panels.Depth,
                        Math.Min(Tile.Columns, rows - row),
                        _panels.RunLength(column),
                        _panels.At(column, panel));
                }
            }
        }
    }

    private readonly struct ColumnKernel(float* x, long columns, Panels panels) : IKernel
    {
        private readonly Panels _panels = panels;

        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var run = first; run < last; run++)
            {
                var row = run * Tile.Depth;
                var length = _panels.RunLength(row);
                PanelCopy.Rows<TLane>(x + (row * columns), columns, length, columns, _panels.At(row, 0), length * Tile.Columns);
            }
        }
    }

    private readonly struct RowKernel(float* x, PackedRows packed) : IKernel
    {
        private readonly PackedRows _packed = packed;

        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged => SomeRows<TLane>(x, _packed, first, last);
    }

    private readonly struct TurnKernel(float* x, PackedRows packed) : IKernel
    {
        private readonly PackedRows _packed = packed;

        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var block = first; block < last; block++)
            {
                var row = block * BlockWidth;
                var rows = Math.Min(BlockWidth, _packed.Count - row);
                for (long token = 0; token < _packed.Depth; token += Tile.Depth)
                {
                    var length = _packed.RunLength(token);
                    Transposition.Run(x + (token * _packed.Count) + row, _packed.Count, length, rows, _packed.At(token, row), length);
                }
            }
        }
    }
}
