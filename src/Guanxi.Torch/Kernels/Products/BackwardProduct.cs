using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>One product of a sum of products: packed rows [tokens, depth] times a stored matrix [depth, columns].</summary>
/// <param name="Left">The packed rows.</param>
/// <param name="Right">The stored matrix.</param>
/// <param name="Dropout">Mask that the product goes through before it is added.</param>
internal readonly record struct BackwardTerm(PackedRows Left, MatrixSource Right, InputDropout Dropout);

/// <summary>
/// dx = sum of dy W, adapters with their masks included. A task is a block of columns: their sums for all tokens stay in the cache while
/// the matrices are read a run of rows at a time.
/// </summary>
internal static unsafe class BackwardProduct
{
    /// <summary>Columns of a task: one group of a dropout mask.</summary>
    public const int BlockColumns = Dropout.Group;

    private const int BlockPanels = BlockColumns / Tile.Columns;

    // Rows of sums one panel further apart than they are long: else one panel's column of them would fall on an eighth of the cache's sets.
    private const int SumStride = BlockColumns + Tile.Columns;

    // Tokens whose sums stay in the cache, and those whose packed rows do beside the panels.
    private const long MaximumTokens = 1536;
    private const long InnerTokens = 72;

    /// <summary>Computes the sum.</summary>
    /// <param name="terms">At least one; the right matrices have the same columns.</param>
    /// <param name="tokens">Rows of the result.</param>
    /// <param name="output">[tokens, columns]; columns a multiple of 128 where there is a mask.</param>
    public static void Run(BackwardTerm[] terms, long tokens, float* output) =>
        KernelRunner.For((terms[0].Right.Columns + BlockColumns - 1) / BlockColumns, 1, new Kernel(terms, tokens, output));

    private readonly struct Kernel(BackwardTerm[] terms, long tokens, float* output) : IKernel
    {
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var parts = (tokens + MaximumTokens - 1) / MaximumTokens;
            var perPart = Tile.Align((tokens + parts - 1) / parts);
            var right = KernelScratch.Aligned((BlockColumns * Tile.Depth) + (SumStride * (perPart + InnerTokens)));
            var sums = right + (BlockColumns * Tile.Depth);
            for (var block = first; block < last; block++)
            {
                for (long token = 0; token < tokens; token += perPart)
                {
                    var count = Math.Min(perPart, tokens - token);
                    var adds = false;
                    foreach (var term in terms)
                    {
                        Add<TLane>(term, block * BlockColumns, token, count, right, sums, ref adds);
                    }

                    Store<TLane>(block * BlockColumns, token, count, sums);
                }
            }
        }

        private void Add<TLane>(BackwardTerm term, long column, long firstToken, long count, float* right, float* sums, ref bool adds)
            where TLane : struct, ILane<TLane>
        {
            var width = Math.Min(BlockColumns, term.Right.Columns - column);
            for (long depth = 0; depth < term.Left.Depth; depth += Tile.Depth)
            {
                var length = term.Left.RunLength(depth);
                term.Right.ReadPanels<TLane>(depth, length, column, width, right);
                for (long token = 0; token < count; token += InnerTokens)
                {
                    var some = Math.Min(InnerTokens, count - token);
                    var left = term.Left.At(depth, firstToken + token);
                    var target = sums + (token * SumStride);
                    if (term.Dropout.Drops)
                    {
                        Masked<TLane>(term, left, length, right, column, firstToken + token, some, target, adds);
                    }
                    else
                    {
                        Multiply<TLane>(left, length, right, Panels.CountOf(width), target, some, adds);
                    }
                }

                adds = true;
            }
        }

        private static void Multiply<TLane>(float* left, long length, float* right, long panels, float* target, long rows, bool adds)
            where TLane : struct, ILane<TLane>
        {
            var ahead = left + (InnerTokens * length);
            for (var panel = 0; panel < panels; panel++, ahead += InnerTokens / Tile256.RowCount * length)
            {
                var from = right + (panel * length * Tile.Columns);
                Tile.Rows<TLane>(left, length, from, length, target + (panel * Tile.Columns), SumStride, rows, adds, ahead);
            }
        }

        // The mask is linear, so runs of the depth go through it one by one.
        private void Masked<TLane>(
            BackwardTerm term, float* left, long length, float* right, long column, long token, long rows, float* target, bool adds)
            where TLane : struct, ILane<TLane>
        {
            var parts = (tokens + MaximumTokens - 1) / MaximumTokens;
            var product = right + (BlockColumns * Tile.Depth) + (SumStride * Tile.Align((tokens + parts - 1) / parts));
            Multiply<TLane>(left, length, right, BlockPanels, product, rows, adds: false);
            for (long row = 0; row < rows; row++)
            {
                var to = target + (row * SumStride);
                Dropout.Groups<TLane>(
                    product + (row * SumStride),
                    adds ? to : null,
                    to,
                    ((token + row) * term.Right.Columns) + column,
                    BlockColumns,
                    term.Dropout.Probability,
                    term.Dropout.Mask);
            }
        }

        private void Store<TLane>(long column, long firstToken, long count, float* sums)
            where TLane : struct, ILane<TLane>
        {
            var columns = terms[0].Right.Columns;
            for (long row = 0; row < count; row++)
            {
                var to = output + ((firstToken + row) * columns) + column;
                PanelCopy.Widen<TLane, float>(sums + (row * SumStride), to, Math.Min(BlockColumns, columns - column));
            }
        }
    }
}
