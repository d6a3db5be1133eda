using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>Where an adapter's input goes through a dropout, and which one.</summary>
/// <param name="Probability">Share that is dropped; 0 for no dropout.</param>
/// <param name="Mask">Which mask.</param>
internal readonly record struct InputDropout(double Probability, DropoutMask Mask)
{
    /// <summary>Whether anything is dropped.</summary>
    public bool Drops => Probability > 0;
}

/// <summary>What one adapter makes of the shared input.</summary>
/// <param name="Down">A: [rank, depth].</param>
/// <param name="Scale">Factor of the result.</param>
/// <param name="Dropout">Dropout of the input.</param>
/// <param name="Panels">Result as a right matrix [rank, tokens].</param>
/// <param name="Rows">The same as a left matrix [rank, tokens].</param>
internal sealed record LowRankBranch(PackedRows Down, float Scale, InputDropout Dropout, Panels Panels, PackedRows Rows);

/// <summary>scale A drop(x)^T for adapters that share x: a task is a few panels of tokens of one adapter, dropped in the cache and nowhere else.</summary>
internal static unsafe class LowRankInput
{
    // Panels that share a reading of A.
    private const long TaskPanels = 4;

    /// <summary>Computes all branches.</summary>
    /// <param name="branches">The adapters.</param>
    /// <param name="x">[tokens, depth].</param>
    /// <param name="packed">x as a right matrix [depth, tokens].</param>
    /// <param name="tokens">Rows of x.</param>
    public static void Run(LowRankBranch[] branches, float* x, Panels packed, long tokens) =>
        KernelRunner.For(branches.Length * TasksOf(packed), 1, new Kernel(branches, x, packed, tokens));

    private static long TasksOf(Panels packed) => (packed.Count + TaskPanels - 1) / TaskPanels;

    private readonly struct Kernel(LowRankBranch[] branches, float* x, Panels packed, long tokens) : IKernel
    {
        private readonly Panels _packed = packed;

        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            var tasks = TasksOf(_packed);
            for (var task = first; task < last; task++)
            {
                One<TLane>(branches[task / tasks], task % tasks * TaskPanels);
            }
        }

        private void One<TLane>(LowRankBranch branch, long firstPanel)
            where TLane : struct, ILane<TLane>
        {
            var (rank, count) = (branch.Down.Count, Math.Min(TaskPanels, _packed.Count - firstPanel));
            var perPanel = Tile.Align(rank) * Tile.Columns;
            var dropped = KernelScratch.Aligned((2 * Tile.Columns * Tile.Depth) + (TaskPanels * perPanel));
            var turned = dropped + (Tile.Columns * Tile.Depth);
            var sums = turned + (Tile.Columns * Tile.Depth);
            for (long depth = 0; depth < _packed.Depth; depth += Tile.Depth)
            {
                var (length, left) = (_packed.RunLength(depth), (nint)branch.Down.At(depth, 0));
                for (long i = 0; i < count; i++)
                {
                    var right = _packed.At(depth, firstPanel + i);
                    if (branch.Dropout.Drops)
                    {
                        Drop<TLane>(branch.Dropout, firstPanel + i, depth, length, dropped);
                        var rows = Math.Min(Tile.Columns, tokens - ((firstPanel + i) * Tile.Columns));
                        Packing.OnePanel(dropped, length, rows, length, turned);
                        right = turned;
                    }

                    Tile.Rows<TLane>((float*)left, length, right, length, sums + (i * perPanel), Tile.Columns, rank, depth > 0, right);
                }
            }

            for (long i = 0; i < count; i++)
            {
                Store<TLane>(branch, firstPanel + i, sums + (i * perPanel));
            }
        }

        private void Drop<TLane>(InputDropout dropout, long panel, long depth, long length, float* target)
            where TLane : struct, ILane<TLane>
        {
            var token = panel * Tile.Columns;
            for (var end = Math.Min(token + Tile.Columns, tokens); token < end; token++, target += length)
            {
                var at = (token * _packed.Depth) + depth;
                Dropout.Groups<TLane>(x + at, null, target, at, length, dropout.Probability, dropout.Mask);
            }
        }

        [MethodImpl(KernelRunner.Hot)]
        private static void Store<TLane>(LowRankBranch branch, long panel, float* sums)
            where TLane : struct, ILane<TLane>
        {
            var scale = TLane.Create(branch.Scale);
            for (long row = 0; row < branch.Down.Count; row++)
            {
                var value = TLane.Load(sums + (row * Tile.Columns)) * scale;
                var run = row / Tile.Depth * Tile.Depth;
                TLane.Store(value, branch.Panels.At(run, panel) + ((row - run) * Tile.Columns));
                TLane.Store(value, branch.Rows.Cell(row, panel * Tile.Columns));
            }
        }
    }
}
