using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>A sum over tokens: packed rows [rows, tokens] times a row-major matrix [tokens, width].</summary>
/// <param name="Left">The packed rows; they may be longer than there are tokens.</param>
/// <param name="Right">The matrix.</param>
/// <param name="Tokens">Its rows.</param>
/// <param name="Width">Its columns.</param>
/// <param name="Dropout">Dropout of the matrix.</param>
/// <param name="Output">[rows, width], or [width, rows] with <paramref name="IsTransposed"/>.</param>
/// <param name="IsTransposed">Whether the result is stored as its transpose.</param>
internal sealed record TokenBranch(PackedRows Left, nint Right, long Tokens, long Width, InputDropout Dropout, nint Output, bool IsTransposed);

/// <summary>
/// Gradients of matrices, the adapters' and those of weights that train: a task is a block of the result, whose sums over all tokens stay in
/// the cache.
/// </summary>
internal static unsafe class TokenProduct
{
    // One group of a dropout mask.
    private const int BlockColumns = Dropout.Group;

    // A multiple of every tile's rows: the sums take a part of the second-level cache that leaves room for what is multiplied.
    private const long BlockRows = 384;

    /// <summary>Computes all branches.</summary>
    /// <param name="branches">The products.</param>
    public static void Run(TokenBranch[] branches)
    {
        var tasks = new TaskRanges(Array.ConvertAll(branches, branch => ColumnBlocks(branch) * RowBlocks(branch)));
        KernelRunner.For(tasks.Count, 1, new Kernel(branches, tasks));
    }

    private static long RowBlocks(TokenBranch branch) => (branch.Left.Count + BlockRows - 1) / BlockRows;

    private static long ColumnBlocks(TokenBranch branch) => (branch.Width + BlockColumns - 1) / BlockColumns;

    private readonly struct Kernel(TokenBranch[] branches, TaskRanges tasks) : IKernel
    {
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var task = first; task < last; task++)
            {
                var (index, block) = tasks.Find(task);
                var columns = ColumnBlocks(branches[index]);
                One<TLane>(branches[index], block / columns * BlockRows, block % columns * BlockColumns);
            }
        }

        private static void One<TLane>(TokenBranch branch, long row, long column)
            where TLane : struct, ILane<TLane>
        {
            var (rows, width) = (Math.Min(BlockRows, branch.Left.Count - row), Math.Min(BlockColumns, branch.Width - column));
            var panels = KernelScratch.Aligned(BlockColumns * (Tile.Depth + Tile.Align(rows) + 1));
            var sums = panels + (BlockColumns * Tile.Depth);
            for (long token = 0; token < branch.Tokens; token += Tile.Depth)
            {
                var length = Math.Min(Tile.Depth, branch.Tokens - token);
                Read<TLane>(branch, token, length, column, width, panels, sums + (BlockColumns * Tile.Align(rows)));
                for (long panel = 0; panel < Panels.CountOf(width); panel++)
                {
                    var right = panels + (panel * length * Tile.Columns);
                    var target = sums + (panel * Tile.Columns);
                    Tile.Rows<TLane>(
                        branch.Left.At(token, row), branch.Left.RunLength(token), right, length, target, BlockColumns, rows, token > 0, right);
                }
            }

            Store<TLane>(branch, row, rows, column, width, sums);
        }

        private static void Read<TLane>(TokenBranch branch, long token, long count, long column, long width, float* panels, float* row)
            where TLane : struct, ILane<TLane>
        {
            var source = (float*)branch.Right + (token * branch.Width) + column;
            if (!branch.Dropout.Drops)
            {
                PanelCopy.Rows<TLane>(source, branch.Width, count, width, panels, count * Tile.Columns);
                return;
            }

            for (long i = 0; i < count; i++)
            {
                var first = ((token + i) * branch.Width) + column;
                Dropout.Groups<TLane>(source + (i * branch.Width), null, row, first, width, branch.Dropout.Probability, branch.Dropout.Mask);
                PanelCopy.Rows<TLane>(row, width, 1, width, panels + (i * Tile.Columns), count * Tile.Columns);
            }
        }

        private static void Store<TLane>(TokenBranch branch, long row, long rows, long column, long width, float* sums)
            where TLane : struct, ILane<TLane>
        {
            var output = (float*)branch.Output;
            if (branch.IsTransposed)
            {
                Transposition.Run(sums, BlockColumns, rows, width, output + (column * branch.Left.Count) + row, branch.Left.Count);
                return;
            }

            for (long i = 0; i < rows; i++)
            {
                PanelCopy.Widen<TLane, float>(sums + (i * BlockColumns), output + ((row + i) * branch.Width) + column, width);
            }
        }
    }
}
