using System.Runtime.CompilerServices;
using Guanxi.Torch.Kernels.Lanes;

namespace Guanxi.Torch.Kernels;

/// <summary>Rows of tokens laid end to end; a token looks at a shared prefix, at what precedes it in its row, and at itself.</summary>
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

    /// <summary>A number filled up to whole lanes.</summary>
    public static int Padded(int count) => (count + Lane.Width - 1) / Lane.Width * Lane.Width;

    /// <summary>Tokens of a row.</summary>
    public int Length(int row) => Starts[row + 1] - Starts[row];

    /// <summary>Puts minus infinity over the scores of tree tokens that are not on a query's way to the root.</summary>
    /// <param name="scores">Scores of the query, from the prefix's first key on.</param>
    /// <param name="row">The row.</param>
    /// <param name="query">The query's place in the row.</param>
    public void HideBranches(float* scores, int row, int query)
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
