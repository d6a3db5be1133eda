using Guanxi.Relations.Prompts;
using Guanxi.Transformers;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Relations;

/// <summary>
/// Classifies with a language model that answers a prompt: every label with its stop token is scored after the prompt, and the
/// probabilities are shares of the closed list. Nothing is decoded, so nothing outside the list can be answered.
/// </summary>
/// <remarks>
/// What all prompts begin with is computed once, here. The model stays the caller's: it must outlive the classifier, and its weights
/// must not change meanwhile. One batch runs at a time; further callers wait.
/// </remarks>
public sealed class RelationClassifier : IRelationClassifier
{
    private readonly InstructionEncoder _encoder;
    private readonly PromptTemplate _template;
    private readonly LabelScorer _scorer;
    private readonly Lock _gate = new();
    private bool _isDisposed;

    /// <summary>Makes a classifier and computes the prompts' common beginning.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="template">The question, as in training.</param>
    /// <param name="schema">The labels; only their canonical spellings are scored.</param>
    /// <param name="context">Compute type.</param>
    /// <exception cref="OptionsException">Tokenizer, labels and model do not fit together; all problems are listed.</exception>
    public RelationClassifier(Decoder model, ITokenizer tokenizer, PromptTemplate template, RelationSchema schema, ForwardContext context)
    {
        (_encoder, _template, Schema) = (new InstructionEncoder(tokenizer), template, schema);
        int[][] answers = [.. schema.Labels.Select(_encoder.EncodeAnswer)];
        var problems = Problems(model.Config, tokenizer, schema, answers);
        if (problems.Count > 0)
        {
            throw new OptionsException(problems);
        }

        _scorer = new LabelScorer(model, context, CommonPrefix(model.Config.LongestRow), answers);
    }

    /// <inheritdoc/>
    public RelationSchema Schema { get; }

    /// <summary>Tokens at the beginning of every prompt that are computed only once.</summary>
    public int PrefixLength => _scorer.Prefix.Count;

    /// <summary>Longest prompt in tokens that can be classified.</summary>
    public int MaxPromptLength => _scorer.MaxPromptLength;

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The classifier was disposed.</exception>
    /// <exception cref="CheckpointException">The model's output is not a number.</exception>
    public IReadOnlyList<ClassifiedRow> Classify(IReadOnlyList<RelationExample> examples)
    {
        var outcomes = new ClassifiedRow[examples.Count];
        var (prompts, places) = (new List<int[]>(), new List<int>());
        for (var row = 0; row < examples.Count; row++)
        {
            var prompt = Prompt(examples[row]);
            if (prompt.Length > MaxPromptLength)
            {
                outcomes[row] = ClassifiedRow.Failed(TooLong(examples[row], prompt.Length));
                continue;
            }

            prompts.Add(prompt);
            places.Add(row);
        }

        foreach (var (at, scores) in Score(prompts).Index())
        {
            outcomes[places[at]] = ClassifiedRow.Of(RelationPrediction.Of(Schema, scores.Probabilities) with
            {
                TokenCount = _scorer.TokensOf(prompts[at]),
            });
        }

        return outcomes;
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The classifier was disposed.</exception>
    /// <exception cref="CheckpointException">The model's output is not a number.</exception>
    public ClassifiedRow ClassifyBest(RelationExample example)
    {
        var prompt = Prompt(example);
        if (prompt.Length > MaxPromptLength)
        {
            return ClassifiedRow.Failed(TooLong(example, prompt.Length));
        }

        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return ClassifiedRow.Of(new RelationPrediction(Schema.Labels[_scorer.Best(prompt)], double.NaN, [])
            {
                TokenCount = _scorer.TokensOf(prompt) - _scorer.TreeSize,
            });
        }
    }

    /// <summary>Releases the computed beginning, after a batch that is running; the model stays.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _scorer.Dispose();
        }
    }

    private static List<Problem> Problems(DecoderConfig config, ITokenizer tokenizer, RelationSchema schema, int[][] answers)
    {
        var problems = new List<Problem>();
        if (tokenizer.VocabularySize > config.VocabularySize)
        {
            problems.Add(new Problem("tokenizer", "it has ids that the model has not", $"at most {config.VocabularySize} tokens",
                $"{tokenizer.VocabularySize}", "Take the tokenizer that the model was trained with."));
        }

        foreach (var alike in answers.Index().GroupBy(answer => string.Join(' ', answer.Item)).Where(group => group.Count() > 1))
        {
            problems.Add(new Problem("labels", "the tokenizer cannot tell these labels apart", "different tokens for each",
                string.Join(", ", alike.Select(answer => schema.Labels[answer.Index])), "Spell them with characters of its vocabulary."));
        }

        var longest = answers.Max(answer => answer.Length);
        if (longest > config.LongestRow)
        {
            problems.Add(new Problem("labels", "a label is longer than the model's positions",
                $"at most {config.LongestRow} tokens", $"{longest}"));
        }

        return problems;
    }

    /// <summary>Ids that prompts of quite different rows begin with.</summary>
    private int[] CommonPrefix(int limit)
    {
        var place = new SourcePlace("", 0, 0);
        var first = Prompt(new RelationExample("某年张三与李四相识。", "张三", "李四", null, null, null, place));
        var second = Prompt(new RelationExample("In 1900 Anna met Bob", "Anna", "Bob", null, null, null, place));
        return first[..Math.Min(limit, first.AsSpan().CommonPrefixLength(second))];
    }

    private int[] Prompt(RelationExample example) => _encoder.EncodePrompt(_template.Render(example));

    private Problem TooLong(RelationExample example, int length) => new(
        $"{example.Place}", "the prompt is longer than the model can read with an answer behind it", $"at most {MaxPromptLength} tokens",
        $"{length} tokens", "Shorten the text to the sentence with both names.");

    private IReadOnlyList<ContinuationScores> Score(List<int[]> prompts)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return _scorer.Score(prompts);
        }
    }
}
