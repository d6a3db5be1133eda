using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels.Products;

/// <summary>An output's gradient on its way into the backward products.</summary>
/// <param name="Gradient">[tokens, width], row-major.</param>
/// <param name="Packed">The same as a left matrix.</param>
/// <param name="Adapter">What the adapter needs of it; null without one.</param>
internal sealed record GradientBranch(nint Gradient, PackedRows Packed, LowRankGradient? Adapter);

/// <summary>The gradient of an adapter's middle: scale dY B.</summary>
/// <param name="Up">B as a right matrix [width, rank].</param>
/// <param name="Scale">Factor of the result.</param>
/// <param name="ByToken">Result as a left matrix [tokens, rank].</param>
/// <param name="ByRank">The same as a left matrix [rank, tokens].</param>
internal sealed record LowRankGradient(Panels Up, float Scale, PackedRows ByToken, PackedRows ByRank);

/// <summary>Packs gradients as left matrices and, while they are in the cache, multiplies them by the adapters' up matrices.</summary>
internal static unsafe class GradientPacking
{
    // Tokens of a task, a multiple of every tile's rows.
    private const long BlockTokens = 48;

    /// <summary>Does all branches.</summary>
    /// <param name="branches">The gradients.</param>
    /// <param name="tokens">Rows of each.</param>
    public static void Run(GradientBranch[] branches, long tokens)
    {
        var blocks = (tokens + BlockTokens - 1) / BlockTokens;
        KernelRunner.For(branches.Length * blocks, 1, new Kernel(branches, blocks, tokens));
    }

    private readonly struct Kernel(GradientBranch[] branches, long blocks, long tokens) : IKernel
    {
        public void Run<TLane, T>(long first, long last)
            where TLane : struct, ILane<TLane>
            where T : unmanaged
        {
            for (var task = first; task < last; task++)
            {
                var branch = branches[task / blocks];
                var token = task % blocks * BlockTokens;
                var count = Math.Min(BlockTokens, tokens - token);
                if (branch.Adapter is { } adapter)
                {
                    Multiply<TLane>(branch, adapter, token, count);
                }
                else
                {
                    Packing.SomeRows<TLane>((float*)branch.Gradient, branch.Packed, token, token + count);
                }
            }
        }

        private static void Multiply<TLane>(GradientBranch branch, LowRankGradient adapter, long token, long count)
            where TLane : struct, ILane<TLane>
        {
            var width = adapter.Up.Count * Tile.Columns;
            var sums = KernelScratch.Aligned(Tile.Align(BlockTokens) * width);
            for (long depth = 0; depth < branch.Packed.Depth; depth += Tile.Depth)
            {
                var length = branch.Packed.RunLength(depth);
                var rows = branch.Packed.At(depth, token);
                for (long i = 0; i < count; i++)
                {
                    var source = (float*)branch.Gradient + ((token + i) * branch.Packed.Depth) + depth;
                    PanelCopy.Widen<TLane, float>(source, rows + (i * length), length);
                }

                for (long panel = 0; panel < adapter.Up.Count; panel++)
                {
                    var up = adapter.Up.At(depth, panel);
                    var ahead = up + (adapter.Up.Count * Tile.Columns * length);
                    Tile.Rows<TLane>(rows, length, up, length, sums + (panel * Tile.Columns), width, count, depth > 0, ahead);
                }
            }

            Store(adapter, token, count, sums, width);
        }

        private static void Store(LowRankGradient adapter, long token, long count, float* sums, long width)
        {
            for (long i = 0; i < count; i++)
            {
                for (long rank = 0; rank < adapter.ByToken.Depth; rank++)
                {
                    var value = sums[(i * width) + rank] * adapter.Scale;
                    *adapter.ByToken.Cell(token + i, rank) = value;
                    *adapter.ByRank.Cell(rank, token + i) = value;
                }
            }
        }
    }
}
