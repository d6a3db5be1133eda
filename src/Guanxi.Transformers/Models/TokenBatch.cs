using Guanxi.Torch;

namespace Guanxi.Transformers.Models;

/// <summary>Rows of tokens for one forward pass.</summary>
public sealed record TokenBatch
{
    /// <summary>Makes a batch.</summary>
    /// <param name="tokens">Ids of all rows end to end.</param>
    /// <param name="layout">Where the rows begin.</param>
    /// <exception cref="ArgumentException">The two do not fit.</exception>
    public TokenBatch(long[] tokens, SequenceLayout layout)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(layout);
        if (tokens.Length != layout.TokenCount)
        {
            throw new ArgumentException($"{tokens.Length} tokens for rows of {layout.TokenCount}", nameof(tokens));
        }

        Tokens = tokens;
        Layout = layout;
    }

    /// <summary>Ids of all rows end to end.</summary>
    public long[] Tokens { get; }

    /// <summary>Where the rows begin.</summary>
    public SequenceLayout Layout { get; }

    /// <summary>For an encoder the kind of every token, e.g. 1 for those of a second text; null: all are of kind 0.</summary>
    /// <value>Null.</value>
    /// <exception cref="ArgumentException">There are not as many as tokens.</exception>
    public long[]? TokenTypes
    {
        get;
        init => field = value is null || value.Length == Tokens.Length
            ? value
            : throw new ArgumentException($"{value.Length} kinds for {Tokens.Length} tokens", nameof(value));
    }

    /// <summary>Indices of the tokens whose output is wanted, ascending; null for all.</summary>
    /// <value>Null.</value>
    public int[]? OutputRows { get; init; }

    /// <summary>Keys and values that every row attends to first; null for none.</summary>
    /// <value>Null.</value>
    public KeyValueCache? Cache { get; init; }

    /// <summary>Whether the pass adds its tokens to <see cref="Cache"/>; they must then be one row.</summary>
    /// <value>False.</value>
    public bool AppendToCache { get; init; }

    /// <summary>A batch of plain rows.</summary>
    /// <param name="rows">Ids of every row.</param>
    /// <returns>The batch.</returns>
    public static TokenBatch Of(IReadOnlyList<int[]> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var tokens = new long[rows.Sum(row => row.Length)];
        var lengths = new int[rows.Count];
        var at = 0;
        for (var i = 0; i < rows.Count; i++)
        {
            lengths[i] = rows[i].Length;
            foreach (var id in rows[i])
            {
                tokens[at++] = id;
            }
        }

        return new TokenBatch(tokens, SequenceLayout.Rows(lengths, 0));
    }

    /// <summary>A batch of rows that begin alike, what they share being computed once.</summary>
    /// <param name="rows">Ids of every row.</param>
    /// <param name="sharedLength">How many ids at the beginning are the same in all of them; each row has more. 0 for plain rows.</param>
    /// <returns>The batch; the shared ids come first, then what is left of every row.</returns>
    public static TokenBatch Of(IReadOnlyList<int[]> rows, int sharedLength)
    {
        var own = Of(sharedLength == 0 ? rows : [rows[0][..sharedLength], .. rows.Select(row => row[sharedLength..])]);
        return sharedLength == 0
            ? own
            : new TokenBatch(own.Tokens, SequenceLayout.RowsBehindFirst(sharedLength, [.. rows.Select(row => row.Length - sharedLength)]));
    }

    internal void Check(int vocabularySize, int maxPositions)
    {
        foreach (var id in Tokens)
        {
            if (id < 0 || id >= vocabularySize)
            {
                throw new ArgumentException($"token id {id} is outside the model's vocabulary of {vocabularySize}");
            }
        }

        if (AppendToCache && (Cache is null || Layout.RowCount != 1))
        {
            var found = $"it has {(Cache is null ? "no" : "a")} cache and {Layout.RowCount} rows";
            throw new ArgumentException($"a pass that adds its tokens to a cache needs a cache and one row; {found}");
        }

        if (Layout.PositionCount > maxPositions)
        {
            throw new ArgumentException($"a row reaches position {Layout.PositionCount - 1}; the model was made for {maxPositions}");
        }
    }
}
