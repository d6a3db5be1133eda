using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>A sum over tokens: packed rows [rank, tokens] times a row-major matrix [tokens, width].</summary>
/// <param name="Left">The packed rows; they may be longer than there are tokens.</param>
/// <param name="Right">The matrix.</param>
/// <param name="Tokens">Its rows.</param>
/// <param name="Width">Its columns.</param>
/// <param name="Dropout">Dropout of the matrix.</param>
/// <param name="Output">[rank, width], or [width, rank] with <paramref name="IsTransposed"/>.</param>
/// <param name="IsTransposed">Whether the result is stored as its transpose.</param>
internal sealed record TokenBranch(PackedRows Left, nint Right, long Tokens, long Width, InputDropout Dropout, nint Output, bool IsTransposed);

/// <summary>Gradients of the adapters' matrices: a task is a block of columns, whose sums over all tokens stay in the cache.</summary>
internal static unsafe class TokenProduct
{
    // One group of a dropout mask.
    private const int BlockColumns = Dropout.Group;

    /// <summary>Computes all branches.</summary>
    /// <param name="branches">The products.</param>
    public static void Run(TokenBranch[] branches)
    {
        var ends = new long[branches.Length];
        for (var i = 0; i < ends.Length; i++)
        {
            ends[i] = (i == 0 ? 0 : ends[i - 1]) + ((branches[i].Width + BlockColumns - 1) / BlockColumns);
        }

        KernelRunner.For(ends[^1], 1, new Kernel(branches, ends));
    }

    private readonly struct Kernel(TokenBranch[] branches, long[] ends) : IKernel
    {
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var task = first; task < last; task++)
            {
                var index = 0;
                for (; task >= ends[index]; index++)
                {
                }

                One<TLane>(branches[index], (task - (index == 0 ? 0 : ends[index - 1])) * BlockColumns);
            }
        }

        private static void One<TLane>(TokenBranch branch, long column)
            where TLane : struct, ILane<TLane>
        {
            var (rank, width) = (branch.Left.Count, Math.Min(BlockColumns, branch.Width - column));
            var panels = KernelScratch.Aligned(BlockColumns * (Tile.Depth + Tile.Align(rank) + 1));
            var sums = panels + (BlockColumns * Tile.Depth);
            for (long token = 0; token < branch.Tokens; token += Tile.Depth)
            {
                var length = Math.Min(Tile.Depth, branch.Tokens - token);
                Read<TLane>(branch, token, length, column, width, panels, sums + (BlockColumns * Tile.Align(rank)));
                for (long panel = 0; panel < Panels.CountOf(width); panel++)
                {
                    var right = panels + (panel * length * Tile.Columns);
                    var target = sums + (panel * Tile.Columns);
                    Tile.Rows<TLane>(
                        branch.Left.At(token, 0), branch.Left.RunLength(token), right, length, target, BlockColumns, rank, token > 0, right);
                }
            }

            Store<TLane>(branch, column, width, sums);
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

        private static void Store<TLane>(TokenBranch branch, long column, long width, float* sums)
            where TLane : struct, ILane<TLane>
        {
            var rank = branch.Left.Count;
            var output = (float*)branch.Output;
            if (branch.IsTransposed)
            {
                Transposition.Run(sums, BlockColumns, rank, width, output + (column * rank), rank);
                return;
            }

            for (long row = 0; row < rank; row++)
            {
                PanelCopy.Widen<TLane, float>(sums + (row * BlockColumns), output + (row * branch.Width) + column, width);
            }
        }
    }
}
