namespace Guanxi.Torch;

/// <summary>
/// Rows of tokens laid end to end without padding: row i has the tokens [RowStarts[i], RowStarts[i + 1]). A token attends to a
/// prefix shared by all rows, where there is one, to the tokens before it in its own row, and to itself.
/// </summary>
public sealed class SequenceLayout
{
    private SequenceLayout(int[] rowStarts, int[] positions, int tailLength, int[]? tailParents)
    {
        RowStartArray = rowStarts;
        PositionArray = positions;
        PositionCount = positions.Length == 0 ? 0 : positions.Max() + 1;
        TailLength = tailLength;
        TailParents = tailParents;
    }

    /// <summary>Where every row begins, and the number of all tokens at the end: B + 1 entries.</summary>
    public IReadOnlyList<int> RowStarts => RowStartArray;

    internal int[] RowStartArray { get; }

    /// <summary>Position of every token for the rotary embedding, the shared prefix counted.</summary>
    public IReadOnlyList<int> Positions => PositionArray;

    internal int[] PositionArray { get; }

    /// <summary>Positions up to the last that a token has, the shared prefix counted.</summary>
    public int PositionCount { get; }

    /// <summary>Number of rows.</summary>
    public int RowCount => RowStarts.Count - 1;

    /// <summary>Number of tokens in all rows.</summary>
    public int TokenCount => RowStarts[^1];

    /// <summary>Tokens at the end of every row that form a tree; 0 for plain rows.</summary>
    internal int TailLength { get; }

    /// <summary>For every token of the tail the index of its parent in the tail, or -1 for a child of the row's last plain token.</summary>
    internal int[]? TailParents { get; }

    /// <summary>Where the first row belongs to all others: that row alone, and the others behind it; null for rows of their own.</summary>
    internal (SequenceLayout Shared, SequenceLayout Others)? Parts { get; private init; }

    /// <summary>Plain rows.</summary>
    /// <param name="rowLengths">Tokens of every row.</param>
    /// <param name="firstPosition">Length of the shared prefix.</param>
    /// <returns>The layout.</returns>
    public static SequenceLayout Rows(ReadOnlySpan<int> rowLengths, int firstPosition) => Create(rowLengths, firstPosition, null);

    /// <summary>Rows that end in the same tree of continuations: a tree token attends to its row and to its ancestors only.</summary>
    /// <param name="rowLengths">Tokens of every row, the tree's not counted.</param>
    /// <param name="firstPosition">Length of the shared prefix.</param>
    /// <param name="parents">For every tree token the index of its parent, smaller than its own, or -1 for a first token.</param>
    /// <returns>The layout; its rows are longer by the tree.</returns>
    /// <exception cref="ArgumentException">A parent does not come before its child.</exception>
    public static SequenceLayout RowsWithTree(ReadOnlySpan<int> rowLengths, int firstPosition, int[] parents)
    {
        ArgumentNullException.ThrowIfNull(parents);
        for (var i = 0; i < parents.Length; i++)
        {
            if (parents[i] < -1 || parents[i] >= i)
            {
                throw new ArgumentException($"tree token {i} names {parents[i]} as its parent", nameof(parents));
            }
        }

        return Create(rowLengths, firstPosition, parents);
    }

    /// <summary>Rows that begin alike: what they share is the first row, and the others go on behind it.</summary>
    /// <param name="sharedLength">Tokens of the first row, at least one.</param>
    /// <param name="rowLengths">Tokens of every other row, what is shared not counted.</param>
    /// <returns>The layout; a token of another row attends to all of the first, and then as in plain rows.</returns>
    public static SequenceLayout RowsBehindFirst(int sharedLength, ReadOnlySpan<int> rowLengths)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sharedLength, 1);
        var (shared, others) = (Rows([sharedLength], 0), Rows(rowLengths, sharedLength));
        return new SequenceLayout(
            [0, .. others.RowStartArray.Select(start => sharedLength + start)], [.. shared.PositionArray, .. others.PositionArray], 0, null)
        {
            Parts = (shared, others),
        };
    }

    /// <summary>Length of a row, its tree included.</summary>
    /// <param name="row">Index of the row.</param>
    /// <returns>Tokens.</returns>
    public int RowLength(int row) => RowStarts[row + 1] - RowStarts[row];

    private static SequenceLayout Create(ReadOnlySpan<int> rowLengths, int firstPosition, int[]? parents)
    {
        var tail = parents?.Length ?? 0;
        var starts = new int[rowLengths.Length + 1];
        for (var i = 0; i < rowLengths.Length; i++)
        {
            starts[i + 1] = starts[i] + rowLengths[i] + tail;
        }

        var positions = new int[starts[^1]];
        var depth = new int[tail];
        for (var i = 0; i < tail; i++)
        {
            depth[i] = parents![i] < 0 ? 0 : depth[parents[i]] + 1;
        }

        for (var row = 0; row < rowLengths.Length; row++)
        {
            var plain = rowLengths[row];
            for (var i = 0; i < plain + tail; i++)
            {
                positions[starts[row] + i] = firstPosition + (i < plain ? i : plain + depth[i - plain]);
            }
        }

        return new SequenceLayout(starts, positions, tail, parents);
    }
}
