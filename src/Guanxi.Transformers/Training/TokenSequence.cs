namespace Guanxi.Transformers.Training;

/// <summary>One training row: tokens, and for each the id that the position before it should predict.</summary>
/// <param name="Tokens">Ids.</param>
/// <param name="Labels">As long as the tokens; <see cref="Ignored"/> where nothing is learnt, else the token itself.</param>
public sealed record TokenSequence(int[] Tokens, int[] Labels)
{
    /// <summary>Label of a token that is not learnt.</summary>
    public const int Ignored = -100;

    // With fewer tokens, cutting the attention in two costs more than it saves.
    private const int LeastShared = 4;

    /// <summary>Tokens that the loss counts: labels after the first position, which nothing predicts.</summary>
    public int SupervisedCount
    {
        get
        {
            var count = 0;
            for (var i = 1; i < Labels.Length; i++)
            {
                count += Labels[i] == Ignored ? 0 : 1;
            }

            return count;
        }
    }

    /// <summary>The row's beginning.</summary>
    /// <param name="length">Most tokens to keep.</param>
    /// <returns>The row itself when it is no longer.</returns>
    public TokenSequence CutTo(int length) => Tokens.Length <= length ? this : new(Tokens[..length], Labels[..length]);

    /// <summary>Tokens that all rows begin with; none of their positions is asked for, and every row goes on behind them.</summary>
    /// <param name="rows">The rows.</param>
    /// <returns>How many; 0 where sharing them would save next to nothing.</returns>
    public static int SharedLength(IReadOnlyList<TokenSequence> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count < 2)
        {
            return 0;
        }

        var first = rows[0].Tokens.AsSpan();
        var shared = rows.Min(row => Math.Min(row.Tokens.Length, row.FirstSupervised()) - 1);
        foreach (var row in rows)
        {
            shared = Math.Min(shared, first.CommonPrefixLength(row.Tokens));
        }

        return shared < LeastShared ? 0 : shared;
    }

    /// <summary>A row whose every token is learnt, as in pretraining.</summary>
    /// <param name="tokens">Ids.</param>
    /// <returns>The row.</returns>
    public static TokenSequence Unmasked(int[] tokens) => new(tokens, tokens);

    private int FirstSupervised()
    {
        var label = Labels.AsSpan(1).IndexOfAnyExcept(Ignored);
        return label < 0 ? Labels.Length : label + 1;
    }
}
