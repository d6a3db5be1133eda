namespace Guanxi.Transformers.Inference;

/// <summary>How a continuation is chosen. What is not said is as in Hugging Face's <c>generate</c>, but greedy.</summary>
public sealed record GenerationOptions
{
    /// <summary>Most tokens to add.</summary>
    /// <value>64.</value>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Divides the logits; 0 takes the most probable token, which of several the one with the lowest id.</summary>
    /// <value>0.</value>
    public double Temperature { get; init; }

    /// <summary>Tokens to draw from, those equal to the last of them included; 0 for all.</summary>
    /// <value>50.</value>
    public int TopK { get; init; } = 50;

    /// <summary>Draw from the most probable tokens that together reach this share; 1 for all.</summary>
    /// <value>1.</value>
    public double TopP { get; init; } = 1;

    /// <summary>Draw from tokens at least this times as probable as the best; 0 for all.</summary>
    /// <value>0.</value>
    public double MinP { get; init; }

    /// <summary>Divides positive and multiplies negative logits of every token that occurred, the prompt's too; 1 for no change.</summary>
    /// <value>1.</value>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>The same seed draws the same tokens.</summary>
    /// <value>42.</value>
    public long Seed { get; init; } = 42;

    /// <summary>Ids after which the continuation ends.</summary>
    /// <value>None.</value>
    public IReadOnlyList<int> StopIds { get; init; } = [];

    /// <summary>Whether keys and values of what was read are kept; without, every step reads everything again.</summary>
    /// <value>True.</value>
    public bool UseCache { get; init; } = true;

    /// <summary>Whether the most probable token is always taken.</summary>
    public bool IsGreedy => Temperature == 0;

    /// <summary>Says what is wrong with the options.</summary>
    /// <returns>Every problem; empty when there is none.</returns>
    public IReadOnlyList<Problem> Check()
    {
        var problems = new List<Problem>();
        void Require(bool holds, string option, string expected, double found)
        {
            if (!holds)
            {
                problems.Add(new Problem(option, "the value is outside its range", expected, $"{found}"));
            }
        }

        Require(MaxNewTokens >= 0, "max_new_tokens", "0 or more", MaxNewTokens);
        Require(Temperature >= 0 && double.IsFinite(Temperature), "temperature", "0 or more", Temperature);
        Require(TopK >= 0, "top_k", "0 or more", TopK);
        Require(TopP is > 0 and <= 1, "top_p", "above 0, at most 1", TopP);
        Require(MinP is >= 0 and <= 1, "min_p", "from 0 to 1", MinP);
        Require(RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty), "repetition_penalty", "above 0", RepetitionPenalty);
        return problems;
    }
}

/// <summary>Why a continuation ended.</summary>
public enum GenerationEnd
{
    /// <summary>A stop token came; it is the last of the ids.</summary>
    StopToken,

    /// <summary>As many tokens as were asked for.</summary>
    MaxNewTokens,

    /// <summary>The model has no position left.</summary>
    MaxPositions,
}

/// <summary>A continuation.</summary>
/// <param name="Ids">The new ids, a stop token included.</param>
/// <param name="End">Why it ended.</param>
public sealed record GenerationResult(IReadOnlyList<int> Ids, GenerationEnd End);
