using System.CommandLine;
using Guanxi.Transformers;
using Guanxi.Transformers.Inference;

namespace Guanxi.Cli;

/// <summary>The options that say how tokens are chosen.</summary>
internal sealed class SamplingOptions
{
    private static readonly GenerationOptions s_usual = new();

    private readonly Option<int?> _maxNewTokens = OptionKinds.Whole("--max_new_tokens", $"Most tokens to add (default: {s_usual.MaxNewTokens}).", 0);
    private readonly Option<double?> _temperature = OptionKinds.Real("--temperature", "Divides the logits; 0 takes the most probable token (default: 0).");
    private readonly Option<double?> _topP = OptionKinds.Real("--top_p", "Draw from the most probable tokens that together reach this share (default: 1).");
    private readonly Option<int?> _topK = OptionKinds.Whole("--top_k", $"Draw from so many tokens; 0 for all (default: {s_usual.TopK}).", 0);
    private readonly Option<double?> _minP = OptionKinds.Real("--min_p", "Draw from tokens at least this times as probable as the best (default: 0).");
    private readonly Option<double?> _penalty = OptionKinds.Real("--repetition_penalty", "Makes tokens that occurred less probable; 1 for no change (default: 1).");
    private readonly Option<int?> _seed = OptionKinds.Whole("--seed", $"The same seed draws the same tokens (default: {s_usual.Seed}).", 0);

    /// <summary>Adds the options to a command.</summary>
    public SamplingOptions(Command command)
    {
        foreach (var option in (Option[])[_maxNewTokens, _temperature, _topP, _topK, _minP, _penalty, _seed])
        {
            command.Add(option);
        }
    }

    /// <summary>Reads the options.</summary>
    /// <exception cref="OptionsException">Values are outside their ranges; all are listed.</exception>
    public GenerationOptions Read(ParseResult parsed)
    {
        var options = new GenerationOptions
        {
            MaxNewTokens = parsed.GetValue(_maxNewTokens) ?? s_usual.MaxNewTokens,
            Temperature = parsed.GetValue(_temperature) ?? s_usual.Temperature,
            TopP = parsed.GetValue(_topP) ?? s_usual.TopP,
            TopK = parsed.GetValue(_topK) ?? s_usual.TopK,
            MinP = parsed.GetValue(_minP) ?? s_usual.MinP,
            RepetitionPenalty = parsed.GetValue(_penalty) ?? s_usual.RepetitionPenalty,
            Seed = parsed.GetValue(_seed) ?? s_usual.Seed,
        };
        var problems = options.Check();
        return problems.Count == 0 ? options : throw new OptionsException(problems);
    }
}
