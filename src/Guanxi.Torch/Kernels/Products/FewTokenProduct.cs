using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>One matrix of a call: output = scale x W^T + bias, or added to what is there.</summary>
/// <param name="Weight">The stored matrix.</param>
/// <param name="Input">The tokens, in the order of the matrix.</param>
/// <param name="Bias">[rows], or null.</param>
/// <param name="Scale">Factor of the product.</param>
/// <param name="Adds">Whether the output is added to.</param>
/// <param name="Output">[tokens, rows].</param>
internal sealed record FewTokenBranch(MatrixSource Weight, TokenCells Input, nint Bias, float Scale, bool Adds, nint Output);

/// <summary>
/// Products of stored matrices with so few tokens that reading the weights is what takes the time: y = x W^T. A task is a block of rows of one
/// matrix; it goes through the depth in runs, and every weight goes from memory to registers.
/// </summary>
internal static unsafe class FewTokenProduct
{
    // Sums of a task, a lane each: with the input's cells they fill half of the first-level cache.
    private const long BlockSums = 128;

    // What a run takes of the input's cells and of each row.
    private const long RunCells = 64;
    private const long RunBytes = 2048;

    // Rows whose weights are on their way while one is multiplied.
    private const long AheadRows = 4;

    /// <summary>Computes all branches.</summary>
    /// <param name="branches">At least one; all have the same number of tokens.</param>
    public static void Run(FewTokenBranch[] branches)
    {
        var rows = Math.Max(1, BlockSums / branches[0].Input.Padded);
        var tasks = new TaskRanges(Array.ConvertAll(branches, branch => (branch.Weight.Rows + rows - 1) / rows));
        KernelRunner.For(tasks.Count, 1, new Kernel(branches, tasks, rows));
    }

    /// <summary>Multiplies a block of rows; for <see cref="MatrixSource.MultiplyFew"/>.</summary>
    /// <param name="reader">The matrix.</param>
    /// <param name="row">First row.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="input">The tokens.</param>
    /// <param name="firstGroup">First group of the depth.</param>
    /// <param name="endGroup">Group after the last.</param>
    /// <param name="sums">[rows, padded tokens] lanes, added to.</param>
    public static void Multiply<TLane, TReader>(
        in TReader reader, long row, long rows, TokenCells input, long firstGroup, long endGroup, float* sums)
        where TLane : struct, ILane<TLane>
        where TReader : struct, IWeightReader
    {
        var run = Math.Max(1, Math.Min(RunCells / input.Padded, RunBytes / TReader.GroupBytes));
        for (var group = firstGroup; group < endGroup; group += run)
        {
            var groups = Math.Min(run, endGroup - group);
            for (long i = 0; i < rows; i++)
            {
                var place = reader.Place(row + i, group);
                var next = i + AheadRows < rows
                    ? reader.Place(row + i + AheadRows, group)
                    : reader.Place(row + Math.Max(0, i + AheadRows - rows), group + run);
                for (long token = 0; token < input.Padded; token += input.Together, sums += input.Together * Lane.Width)
                {
                    Tile<TLane, TReader>(input.Together, in reader, place, token == 0 ? next : place, input.At(token, group), groups, sums);
                }
            }

            sums -= rows * input.Padded * Lane.Width;
        }
    }

    private static void Tile<TLane, TReader>(long together, in TReader reader, long row, long ahead, float* x, long groups, float* sums)
        where TLane : struct, ILane<TLane>
        where TReader : struct, IWeightReader
    {
        switch (together)
        {
            case 1:
                FewTokenTile.One<TLane, TReader>(in reader, row, ahead, x, groups, sums);
                break;
            case 2:
                FewTokenTile.Two<TLane, TReader>(in reader, row, ahead, x, groups, sums);
                break;
            default:
                FewTokenTile.Four<TLane, TReader>(in reader, row, ahead, x, groups, sums);
                break;
        }
    }

    private readonly struct Kernel(FewTokenBranch[] branches, TaskRanges tasks, long blockRows) : IKernel
    {
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var length = blockRows * branches[0].Input.Padded * Lane.Width;
            var sums = KernelScratch.Aligned(length);
            for (var task = first; task < last; task++)
            {
                var (index, block) = tasks.Find(task);
                var branch = branches[index];
                var row = block * blockRows;
                var rows = Math.Min(blockRows, branch.Weight.Rows - row);
                new Span<float>(sums, (int)length).Clear();
                branch.Weight.MultiplyFew<TLane>(row, rows, branch.Input, sums);
                Store<TLane>(branch, row, rows, sums);
            }
        }

        private static void Store<TLane>(FewTokenBranch branch, long row, long rows, float* sums)
            where TLane : struct, ILane<TLane>
        {
            for (long i = 0; i < rows; i++)
            {
                for (long token = 0; token < branch.Input.Tokens; token++)
                {
                    var to = (float*)branch.Output + (token * branch.Weight.Rows) + row + i;
                    var value = branch.Scale * TLane.Sum(TLane.Load(sums + (((i * branch.Input.Padded) + token) * Lane.Width)));
                    value += branch.Bias == 0 ? 0 : ((float*)branch.Bias)[row + i];
                    *to = branch.Adds ? *to + value : value;
                }
            }
        }
    }
}
