using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Rows of tokens laid end to end; a token looks at a shared prefix, at what precedes it in its row, and at itself, or at its
/// whole row.</summary>
internal readonly unsafe struct AttentionRows
{
    /// <summary>Cells added behind every row of scores: a tile may look a little further than its first query sees.</summary>
    public const int Margin = Lane.Width;

    /// <summary>Number of rows.</summary>
    public required int Count { get; init; }

    /// <summary>Where every row begins, and the number of all tokens: Count + 1 entries.</summary>
    public required int* Starts { get; init; }

    /// <summary>Keys of the prefix.</summary>
    public required int Prefix { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads.</summary>
    public required int KeyHeads { get; init; }

    /// <summary>Elements of a head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Tokens at the end of every row that form a tree.</summary>
    public required int TailLength { get; init; }

    /// <summary>For every token of the tree its parent in the tree, or -1; null without a tree.</summary>
    public required int* TailParents { get; init; }

    /// <summary>[tokens] position of every token; a row follows its prefix.</summary>
    public required int* Positions { get; init; }

    /// <summary>Whether a query sees nothing behind itself; otherwise it sees its whole row, and there is no tree.</summary>
    public required bool IsCausal { get; init; }

    /// <summary>Most positions that a query sees, its own included; 0 for all.</summary>
    public required int Window { get; init; }

    /// <summary>[heads] slopes of ALiBi; null without.</summary>
    public required float* Slopes { get; init; }

    /// <summary>Share of the weights that is dropped.</summary>
    public required double DropProbability { get; init; }

    /// <summary>Which weights are dropped.</summary>
    public required DropoutMask DropMask { get; init; }

    /// <summary>Cells a query has in the dropout's mask: a multiple of its groups.</summary>
    public required int DropWidth { get; init; }

    /// <summary>Query heads that share a key head.</summary>
    public int Group => Heads / KeyHeads;

    /// <summary>Factor of the scores.</summary>
    public float Scale => (float)(1 / Math.Sqrt(HeadDim));

    /// <summary>Elements of a head, filled up to whole lanes.</summary>
    public int PaddedDim => Padded(HeadDim);

    /// <summary>Most keys of a row, filled up to whole lanes.</summary>
    public int MostKeys
    {
        get
        {
            var longest = 0;
            for (var row = 0; row < Count; row++)
            {
                longest = Math.Max(longest, Length(row));
            }

            return Padded(Prefix + longest);
        }
    }

    /// <summary>Keys of the longest row, filled up to whole groups of the dropout's mask.</summary>
    public static int DropWidthOf(SequenceLayout layout, int prefix)
    {
        var longest = 0;
        for (var row = 0; row < layout.RowCount; row++)
        {
            longest = Math.Max(longest, layout.RowLength(row));
        }

        return (prefix + longest + Dropout.Group - 1) / Dropout.Group * Dropout.Group;
    }

    /// <summary>A number filled up to whole lanes.</summary>
    public static int Padded(int count) => (count + Lane.Width - 1) / Lane.Width * Lane.Width;

    /// <summary>Tokens of a row.</summary>
    public int Length(int row) => Starts[row + 1] - Starts[row];

    /// <summary>Keys of a row, its prefix included.</summary>
    public int Keys(int row) => Prefix + Length(row);

    /// <summary>Keys that every query from one of them on sees; the next query sees one more, as long as there are any.</summary>
    public int Before(int row, int query) => IsCausal ? Prefix + query : Keys(row);

    /// <summary>Cells from one query's scores to the next.</summary>
    /// <param name="keys">Keys, filled up to whole lanes.</param>
    public int ScoreStride(int keys) => (DropProbability > 0 ? DropWidth : keys) + Margin;

    /// <summary>Adds what distance adds to the scores of one query, and puts minus infinity over what it does not see among the keys
    /// before it.</summary>
    /// <typeparam name="TLane">The lane.</typeparam>
    /// <param name="scores">Scores of the query, from the prefix's first key on.</param>
    /// <param name="row">The row.</param>
    /// <param name="query">The query's place in the row.</param>
    /// <param name="head">The query's head.</param>
    [MethodImpl(KernelRunner.Hot)]
    public void Shape<TLane>(float* scores, int row, int query, int head)
        where TLane : struct, ILane<TLane>
    {
        var plain = Keys(row) - TailLength;
        var positions = Positions + Starts[row];
        var origin = positions[0] - Prefix; // position of the prefix's first key
        var own = positions[query];
        if (Slopes is not null)
        {
            var slope = Slopes[head];
            var tilt = TLane.Create(slope);
            var distance = TLane.ToFloat(Lane.Iota<TLane>()) + TLane.Create(origin - own);
            for (var key = 0; key <= Prefix + query; key += Lane.Width)
            {
                TLane.Store(TLane.FusedMultiplyAdd(tilt, distance + TLane.Create(key), TLane.Load(scores + key)), scores + key);
            }

            // Tokens of the tree stand at their depth, not at their index.
            for (var key = plain; key <= Prefix + query; key++)
            {
                scores[key] = MathF.FusedMultiplyAdd(slope, positions[key - Prefix] - origin - key, scores[key]);
            }
        }

        if (Window > 0)
        {
            new Span<float>(scores, Math.Clamp(own - origin - Window + 1, 0, plain)).Fill(float.NegativeInfinity);
            for (var key = plain; key < Prefix + query; key++)
            {
                scores[key] = positions[key - Prefix] + Window > own ? scores[key] : float.NegativeInfinity;
            }
        }

        HideBranches(scores, row, query);
    }

    /// <summary>Drops weights of one query, or their gradients, and scales the others up.</summary>
    /// <typeparam name="TLane">The lane.</typeparam>
    /// <param name="weights">Weights of the query, from the prefix's first key on.</param>
    /// <param name="token">The query's place among all tokens.</param>
    /// <param name="head">The query's head.</param>
    [MethodImpl(KernelRunner.Hot)]
    public void Drop<TLane>(float* weights, int token, int head)
        where TLane : struct, ILane<TLane>
    {
        if (DropProbability > 0)
        {
            var first = (((long)head * Starts[Count]) + token) * DropWidth;
            Dropout.Groups<TLane>(weights, null, weights, first, DropWidth, DropProbability, DropMask);
        }
    }

    // Tree tokens that are not on the query's way to the root.
    private void HideBranches(float* scores, int row, int query)
    {
        var plain = Length(row) - TailLength;
        for (var node = query - plain; node >= 0;)
        {
            var parent = TailParents[node];
            new Span<float>(scores + Prefix + plain + parent + 1, node - parent - 1).Fill(float.NegativeInfinity);
            node = parent;
        }
    }
}
