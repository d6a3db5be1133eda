namespace Guanxi.Transformers.Training;

/// <summary>One training row: tokens, and for each the id that the position before it should predict.</summary>
/// <param name="Tokens">Ids.</param>
/// <param name="Labels">As long as the tokens; <see cref="Ignored"/> where nothing is learnt, else the token itself.</param>
public sealed record TokenSequence(int[] Tokens, int[] Labels)
{
    /// <summary>Label of a token that is not learnt.</summary>
    public const int Ignored = -100;

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

    /// <summary>A row whose every token is learnt, as in pretraining.</summary>
    /// <param name="tokens">Ids.</param>
    /// <returns>The row.</returns>
    public static TokenSequence Unmasked(int[] tokens) => new(tokens, tokens);
}
