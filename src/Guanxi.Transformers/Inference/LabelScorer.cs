using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Inference;

/// <summary>What a model says of a closed set of continuations of one prompt.</summary>
/// <param name="LogProbabilities">For every continuation the sum of its tokens' log-probabilities, not divided by its length.</param>
/// <param name="Probabilities">The same as shares of the whole set: their softmax.</param>
public sealed record ContinuationScores(double[] LogProbabilities, double[] Probabilities);

/// <summary>
/// Scores the same closed set of continuations after many prompts, exactly and without decoding: the continuations form a tree whose
/// tokens ride at the end of every prompt, so that one forward pass of a batch gives the probability of every token of every
/// continuation. What all prompts begin with is computed once, when the scorer is made.
/// </summary>
/// <remarks>
/// The model stays the caller's; its weights must not change while the scorer lives. One call of <see cref="Score"/> at a time.
/// </remarks>
public sealed class LabelScorer : IDisposable
{
    private readonly Decoder _model;
    private readonly ForwardContext _context;
    private readonly ContinuationTrie _trie;
    private readonly int[] _prefix;
    private readonly KeyValueCache? _cache;

    /// <summary>Prepares the tree and computes the prefix.</summary>
    /// <param name="model">The model.</param>
    /// <param name="context">Compute type.</param>
    /// <param name="prefix">Ids that prompts begin with; may be empty. A prompt that begins otherwise is computed in full.</param>
    /// <param name="continuations">Ids of every continuation with its stop token, no two alike.</param>
    /// <exception cref="ArgumentException">The continuations are no set, or the prefix does not fit the model.</exception>
    public LabelScorer(Decoder model, ForwardContext context, IReadOnlyList<int> prefix, IReadOnlyList<int[]> continuations)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(prefix);
        ArgumentNullException.ThrowIfNull(continuations);
        _model = model;
        _context = context;
        _prefix = [.. prefix];
        _trie = ContinuationTrie.Of(continuations);
        _cache = _prefix.Length == 0 ? null : Compute(model, context, _prefix);
    }

    /// <summary>Most tokens of one forward pass, trees included; a row that has more makes a pass of its own.</summary>
    /// <value>2048.</value>
    public int BatchTokens { get; init; } = TokenBudget.Default;

    /// <summary>Ids that were computed in advance.</summary>
    public IReadOnlyList<int> Prefix => _prefix;

    /// <summary>Longest prompt in tokens, prefix included, that leaves room for every continuation.</summary>
    public int MaxPromptLength => _model.Config.LongestRow - _trie.Depth;

    /// <summary>Tokens that the tree adds to every row.</summary>
    public int TreeSize => _trie.Tokens.Length;

    /// <summary>Tokens that a pass computes for a prompt: its own and the tree's, the prefix left out where the prompt begins with it.</summary>
    /// <param name="prompt">Ids of the whole prompt.</param>
    /// <returns>Number of tokens.</returns>
    public int TokensOf(int[] prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return prompt.Length - (HasPrefix(prompt) ? _prefix.Length : 0) + TreeSize;
    }

    /// <summary>Scores all continuations after each prompt.</summary>
    /// <param name="prompts">Ids of whole prompts, prefix included; 1 to <see cref="MaxPromptLength"/> each.</param>
    /// <returns>Scores in the order of the prompts.</returns>
    /// <exception cref="ArgumentException">A prompt is empty or too long, or an id is outside the model's vocabulary.</exception>
    /// <exception cref="CheckpointException">The model's output is not a number.</exception>
    public IReadOnlyList<ContinuationScores> Score(IReadOnlyList<int[]> prompts)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        for (var i = 0; i < prompts.Count; i++)
        {
            if (prompts[i].Length == 0 || prompts[i].Length > MaxPromptLength)
            {
                throw new ArgumentException($"prompt {i} has {prompts[i].Length} tokens; 1 to {MaxPromptLength} can be scored",
                    nameof(prompts));
            }
        }

        var scores = new ContinuationScores[prompts.Count];
        foreach (var group in Enumerable.Range(0, prompts.Count).GroupBy(row => HasPrefix(prompts[row])))
        {
            var skip = group.Key ? _prefix.Length : 0;
            foreach (var batch in TokenBudget.Batches(group, row => prompts[row].Length - skip + TreeSize, BatchTokens))
            {
                ScoreBatch(prompts, batch, skip, scores);
            }
        }

        return scores;
    }

    /// <summary>Releases the prefix; the model stays.</summary>
    public void Dispose() => _cache?.Dispose();

    private static KeyValueCache Compute(Decoder model, ForwardContext context, int[] prefix)
    {
        var cache = new KeyValueCache(model.Config.LayerCount);
        try
        {
            using var scope = TensorScope.Enter();
            using var mode = Autograd.NoGrad();
            model.Forward(TokenBatch.Of([prefix]) with { Cache = cache, AppendToCache = true, OutputRows = [prefix.Length - 1] }, context);
            return cache;
        }
        catch
        {
            cache.Dispose();
            throw;
        }
    }

    // The prompt's last token is where the tree begins, so it cannot be part of what is skipped.
    private bool HasPrefix(int[] prompt) => prompt.Length > _prefix.Length && prompt.AsSpan().StartsWith(_prefix);

    private void ScoreBatch(IReadOnlyList<int[]> prompts, int[] rows, int skip, ContinuationScores[] scores)
    {
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        int[] lengths = [.. rows.Select(row => prompts[row].Length - skip)];
        var layout = SequenceLayout.RowsWithTree(lengths, skip, _trie.Parents);
        var tokens = new long[layout.TokenCount];
        var outputs = new int[rows.Length * (1 + TreeSize)];
        var queries = new List<TokenQuery>(rows.Length * _trie.Edges.Length);
        for (var i = 0; i < rows.Length; i++)
        {
            var at = layout.RowStarts[i];
            foreach (var id in prompts[rows[i]].Skip(skip).Concat(_trie.Tokens))
            {
                tokens[at++] = id;
            }

            var first = i * (1 + TreeSize);
            for (var node = 0; node <= TreeSize; node++)
            {
                outputs[first + node] = layout.RowStarts[i] + lengths[i] - 1 + node;
            }

            queries.AddRange(_trie.Edges.Select(edge => edge with { Row = first + edge.Row }));
        }

        var batch = new TokenBatch(tokens, layout) { OutputRows = outputs, Cache = skip > 0 ? _cache : null };
        var edges = TokenLogProbabilities.Read(_model, _model.Forward(batch, _context), queries, _context, null);
        for (var i = 0; i < rows.Length; i++)
        {
            scores[rows[i]] = Sum(edges.AsSpan(i * _trie.Edges.Length, _trie.Edges.Length));
        }
    }

    private ContinuationScores Sum(ReadOnlySpan<float> edges)
    {
        var sums = new double[_trie.Paths.Length];
        for (var i = 0; i < sums.Length; i++)
        {
            foreach (var edge in _trie.Paths[i])
            {
                sums[i] += edges[edge];
            }
        }

        var top = sums.Max();
        var shares = sums.Select(sum => Math.Exp(sum - top)).ToArray();
        var total = shares.Sum();
        return new ContinuationScores(sums, [.. shares.Select(share => share / total)]);
    }
}
