using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Inference;

/// <summary>A context and a continuation of it.</summary>
/// <param name="Context">Ids, at least one: without it the first token of the continuation has no probability.</param>
/// <param name="Continuation">Ids whose probabilities are wanted.</param>
public sealed record ScoringRow(int[] Context, int[] Continuation)
{
    /// <summary>Says what keeps the row from being scored.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="where">What to call the row, e.g. file and line.</param>
    /// <returns>The problem, or null.</returns>
    public Problem? Check(DecoderConfig config, string where)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (Context.Length == 0)
        {
            return new Problem(where, "the context is empty", "at least one token", Hint: "Begin with the token that begins a sequence.");
        }

        if (Context.Concat(Continuation).Where(id => id < 0 || id >= config.VocabularySize).Cast<int?>().FirstOrDefault() is { } id)
        {
            return new Problem(where, "an id is outside the model's vocabulary", $"0 to {config.VocabularySize - 1}", $"{id}");
        }

        // The last token is only predicted, never read.
        var length = Context.Length + Continuation.Length - 1;
        return length <= config.LongestRow
            ? null
            : new Problem(where, "the row is longer than the model's positions", $"at most {config.LongestRow + 1} tokens",
                $"{length + 1}");
    }
}

/// <summary>What a model says of a continuation.</summary>
/// <param name="TokenLogProbabilities">Log-probability of every token, natural logarithm.</param>
/// <param name="IsGreedy">Whether no other token was more probable at any place.</param>
public sealed record SequenceScore(IReadOnlyList<double> TokenLogProbabilities, bool IsGreedy)
{
    /// <summary>Log-probability of the whole continuation: the sum, not the mean.</summary>
    public double LogProbability => TokenLogProbabilities.Sum();
}

/// <summary>Gives the probability of each token of given continuations; the head is applied only where a token is asked for.</summary>
/// <remarks>The model stays the caller's. Calls may not overlap.</remarks>
public sealed class SequenceScorer
{
    private readonly Decoder _model;
    private readonly ForwardContext _context;

    /// <summary>Makes a scorer.</summary>
    /// <param name="model">The model.</param>
    /// <param name="context">Compute type.</param>
    public SequenceScorer(Decoder model, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(context);
        (_model, _context) = (model, context);
    }

    /// <summary>Most tokens of one forward pass; a row that has more makes a pass of its own.</summary>
    /// <value>2048.</value>
    public int BatchTokens { get; init; } = TokenBudget.Default;

    /// <summary>Scores every row.</summary>
    /// <param name="rows">Contexts and continuations, as they are: nothing is added.</param>
    /// <returns>Scores in the order of the rows.</returns>
    /// <exception cref="OptionsException">Rows cannot be scored; all problems are listed.</exception>
    /// <exception cref="CheckpointException">The model's output is not a number.</exception>
    public IReadOnlyList<SequenceScore> Score(IReadOnlyList<ScoringRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        Problem[] problems = [.. rows.Select((row, index) => row.Check(_model.Config, $"row {index + 1}")).OfType<Problem>()];
        if (problems.Length > 0)
        {
            throw new OptionsException(problems);
        }

        var scores = new SequenceScore[rows.Count];
        Array.Fill(scores, new SequenceScore([], true));
        var scored = Enumerable.Range(0, rows.Count).Where(row => rows[row].Continuation.Length > 0);
        foreach (var batch in TokenBudget.Batches(scored, row => ReadLength(rows[row]), BatchTokens))
        {
            ScoreBatch(rows, batch, scores);
        }

        return scores;
    }

    private static int ReadLength(ScoringRow row) => row.Context.Length + row.Continuation.Length - 1;

    private void ScoreBatch(IReadOnlyList<ScoringRow> rows, int[] batch, SequenceScore[] scores)
    {
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        var tokens = TokenBatch.Of([.. batch.Select(row => rows[row].Context.Concat(rows[row].Continuation.SkipLast(1)).ToArray())]);
        var outputs = new List<int>();
        var queries = new List<TokenQuery>();
        for (var i = 0; i < batch.Length; i++)
        {
            var first = tokens.Layout.RowStarts[i] + rows[batch[i]].Context.Length - 1;
            foreach (var (place, id) in rows[batch[i]].Continuation.Index())
            {
                queries.Add(new TokenQuery(outputs.Count, id));
                outputs.Add(first + place);
            }
        }

        var best = new bool[queries.Count];
        var hidden = _model.Forward(tokens with { OutputRows = [.. outputs] }, _context);
        var found = TokenLogProbabilities.Read(_model, hidden, queries, _context, best);
        var at = 0;
        foreach (var row in batch)
        {
            var part = at..(at + rows[row].Continuation.Length);
            scores[row] = new SequenceScore(Array.ConvertAll(found[part], value => (double)value), !best[part].Contains(false));
            at = part.End.Value;
        }
    }
}
