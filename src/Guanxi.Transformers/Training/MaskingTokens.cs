using Guanxi.Transformers.Tokenization;

namespace Guanxi.Transformers.Training;

/// <summary>The control tokens that hiding tokens needs.</summary>
/// <param name="Start">Begins a row: [CLS].</param>
/// <param name="End">Ends a text and a row: [SEP].</param>
/// <param name="Mask">Stands where a token is hidden: [MASK].</param>
public sealed record MaskingTokens(int Start, int End, int Mask)
{
    /// <summary>Finds BERT's tokens in a vocabulary.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="where">What to call it in an error.</param>
    /// <returns>The tokens.</returns>
    /// <exception cref="OptionsException">The vocabulary lacks one; all that it lacks are listed.</exception>
    public static MaskingTokens Of(ITokenizer tokenizer, string where)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var problems = new List<Problem>();
        int Id(string spelling)
        {
            if (!tokenizer.SpecialTokens.TryGetValue(spelling, out var id))
            {
                problems.Add(new Problem(where, $"the tokenizer has no token {spelling}", "the vocabulary of a BERT"));
            }

            return id;
        }

        var tokens = new MaskingTokens(Id("[CLS]"), Id("[SEP]"), Id("[MASK]"));
        return problems.Count == 0 ? tokens : throw new OptionsException(problems);
    }
}
