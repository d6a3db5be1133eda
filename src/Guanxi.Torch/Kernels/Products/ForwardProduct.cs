using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>One product of a sum of products: a stored matrix [rows, depth] times packed columns [depth, tokens].</summary>
/// <param name="Left">The stored matrix.</param>
/// <param name="Right">The packed columns.</param>
internal readonly record struct ForwardTerm(MatrixSource Left, Panels Right);

/// <summary>What one matrix adds to the call: its terms, and where the result goes.</summary>
/// <param name="Terms">Products that are added up; the left matrices have the same rows.</param>
/// <param name="Bias">[rows], or null.</param>
/// <param name="Output">[tokens, rows].</param>
internal sealed unsafe record ForwardBranch(ForwardTerm[] Terms, nint Bias, nint Output)
{
    /// <summary>Width of the output.</summary>
    public long Rows => Terms[0].Left.Rows;
}

/// <summary>
/// y = x W^T + b for stored matrices W that share x. A task is a block of rows of one matrix: their sums for all tokens stay in the
/// second-level cache while the block is read a run at a time, so that every weight is brought to float32 once and never reaches the memory.
/// </summary>
internal static unsafe class ForwardProduct
{
    // Rows of a task, a multiple of every tile's: so many sums as fit beside the rows in half a megabyte, for a thousand tokens.
    private const long BlockRows = 48;

    // Panels whose sums stay in the cache; longer inputs read the weights again for each part.
    private const long MaximumPanels = 96;

    /// <summary>Computes all branches.</summary>
    /// <param name="type">Float32, or BFloat16: the right matrices then are of pairs, see <see cref="PairTile"/>, and the outputs of this type.</param>
    /// <param name="branches">At least one; all have the same number of tokens.</param>
    /// <param name="tokens">Rows of x and of the outputs.</param>
    public static void Run(DType type, ForwardBranch[] branches, long tokens)
    {
        var tasks = new TaskRanges(Array.ConvertAll(branches, branch => (branch.Rows + BlockRows - 1) / BlockRows));
        KernelRunner.For(type, tasks.Count, 1, new Kernel(branches, tasks, tokens));
    }

    private readonly struct Kernel(ForwardBranch[] branches, TaskRanges tasks, long tokens) : IKernel
    {
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var panels = Panels.CountOf(tokens);
            var parts = (panels + MaximumPanels - 1) / MaximumPanels;
            var perPart = (panels + parts - 1) / parts;
            var left = KernelScratch.Aligned(BlockRows * (Tile.Depth + ((perPart + 1) * Tile.Columns)));
            var sums = left + (BlockRows * Tile.Depth);
            var turned = sums + (BlockRows * perPart * Tile.Columns);
            for (var task = first; task < last; task++)
            {
                var (index, block) = tasks.Find(task);
                var branch = branches[index];
                var row = block * BlockRows;
                var rows = Math.Min(BlockRows, branch.Rows - row);
                for (long panel = 0; panel < panels; panel += perPart)
                {
                    var count = Math.Min(perPart, panels - panel);
                    Sum<TLane, T>(branch, row, rows, panel, count, left, sums);
                    Store<TLane, T>(branch, row, rows, panel, count, sums, turned);
                }
            }
        }

        private static void Sum<TLane, T>(ForwardBranch branch, long row, long rows, long firstPanel, long panels, float* left, float* sums)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var adds = false;
            foreach (var term in branch.Terms)
            {
                for (long depth = 0; depth < term.Right.Depth; depth += Tile.Depth)
                {
                    var length = term.Right.RunLength(depth);
                    if (typeof(T) == typeof(BFloat16))
                    {
                        const int Pair = PairTile.Pair;
                        term.Left.Read<TLane>(row, rows, Pair * depth, Pair * length, (BFloat16*)left, Pair * length);
                        PairTile.Multiply(left, term.Right.At(depth, firstPanel), length, sums, Tile.Columns, BlockRows * Tile.Columns, rows, panels, adds);
                    }
                    else
                    {
                        term.Left.Read<TLane>(row, rows, depth, length, left, length);
                        for (long panel = 0; panel < panels; panel++)
                        {
                            var right = term.Right.At(depth, firstPanel + panel);
                            var target = sums + (panel * BlockRows * Tile.Columns);
                            Tile.Rows<TLane>(left, length, right, length, target, Tile.Columns, rows, adds, right + (length * Tile.Columns));
                        }
                    }

                    adds = true;
                }
            }
        }

        private void Store<TLane, T>(ForwardBranch branch, long row, long rows, long firstPanel, long panels, float* sums, float* turned)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (long panel = 0; panel < panels; panel++, sums += BlockRows * Tile.Columns)
            {
                if (branch.Bias != 0)
                {
                    AddBias<TLane>((float*)branch.Bias + row, rows, sums);
                }

                var token = (firstPanel + panel) * Tile.Columns;
                var (count, place) = (Math.Min(Tile.Columns, tokens - token), (token * branch.Rows) + row);
                if (typeof(T) == typeof(BFloat16))
                {
                    Transposition.Run(sums, Tile.Columns, rows, count, turned, BlockRows);
                    for (long i = 0; i < count; i++)
                    {
                        PanelCopy.Narrow<TLane>(turned + (i * BlockRows), (BFloat16*)branch.Output + place + (i * branch.Rows), rows);
                    }
                }
                else
                {
                    Transposition.Run(sums, Tile.Columns, rows, count, (float*)branch.Output + place, branch.Rows);
                }
            }
        }

        private static void AddBias<TLane>(float* bias, long rows, float* sums)
            where TLane : struct, ILane<TLane>
        {
            for (long row = 0; row < rows; row++)
            {
                var at = sums + (row * Tile.Columns);
                TLane.Store(TLane.Load(at) + TLane.Create(bias[row]), at);
            }
        }
    }
}
