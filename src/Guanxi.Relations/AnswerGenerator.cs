using Guanxi.Relations.Prompts;
using Guanxi.Transformers;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Relations;

/// <summary>What a model wrote behind a prompt.</summary>
/// <param name="Text">The answer without white space around it and without the stop token; may be empty.</param>
/// <param name="Label">The label it spells, aliases read; null when it is none.</param>
/// <param name="Problem">Why the model could not be asked; null when it was.</param>
public sealed record GeneratedAnswer(string Text, string? Label, Problem? Problem);

/// <summary>
/// Lets a language model write its answer freely, as the published system did. An answer may then be no label at all:
/// <see cref="RelationClassifier"/> is the way to classify, this one shows what free decoding costs.
/// </summary>
/// <remarks>The model stays the caller's. Calls may not overlap.</remarks>
public sealed class AnswerGenerator
{
    private readonly InstructionEncoder _encoder;
    private readonly ITokenizer _tokenizer;
    private readonly PromptTemplate _template;
    private readonly Generator _generator;
    private readonly int _maxPositions;
    private readonly GenerationOptions _options;

    /// <summary>Prepares the questions.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="template">The question, as in training.</param>
    /// <param name="schema">The labels.</param>
    /// <param name="context">Compute type.</param>
    /// <param name="options">How to decode, <see cref="Greedy"/> for instance; the stop tokens are added.</param>
    /// <exception cref="OptionsException">The tokenizer has no stop token.</exception>
    public AnswerGenerator(
        Decoder model, ITokenizer tokenizer, PromptTemplate template, RelationSchema schema, ForwardContext context,
        GenerationOptions options)
    {
        (_encoder, _tokenizer, _template, Schema) = (new InstructionEncoder(tokenizer), tokenizer, template, schema);
        _generator = new Generator(model, context);
        _maxPositions = model.Config.LongestRow;
        _options = options with { StopIds = [.. options.StopIds, _encoder.StopId] };
    }

    /// <summary>The most probable token at each of five places: the published length, and the same answer every time.</summary>
    public static GenerationOptions Greedy { get; } = new() { MaxNewTokens = 5 };

    /// <summary>The published decoding, whose temperature is nearly greedy.</summary>
    public static GenerationOptions Published { get; } = new() { MaxNewTokens = 5, Temperature = 0.01, TopP = 0.9 };

    /// <summary>The labels.</summary>
    public RelationSchema Schema { get; }

    /// <summary>Asks the model about one row.</summary>
    /// <param name="example">The row; its label is not looked at.</param>
    /// <param name="stop">Ends the work between two tokens.</param>
    /// <returns>The answer, or the problem of a prompt that is too long.</returns>
    /// <exception cref="CheckpointException">The model's output is not a number.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public GeneratedAnswer Answer(RelationExample example, CancellationToken stop)
    {
        var prompt = _encoder.EncodePrompt(_template.Render(example));
        if (prompt.Length > _maxPositions)
        {
            return new GeneratedAnswer("", null, new Problem(
                $"{example.Place}", "the prompt is longer than the model can read", $"at most {_maxPositions} tokens",
                $"{prompt.Length} tokens"));
        }

        var ids = _generator.Generate(prompt, _options, null, stop).Ids;
        var text = _tokenizer.Decode([.. ids.Where(id => id != _encoder.StopId && id < _tokenizer.VocabularySize)]).Trim();
        return new GeneratedAnswer(text, Schema.Canonical(text), null);
    }
}
