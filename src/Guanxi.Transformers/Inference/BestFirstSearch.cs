using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Inference;

/// <summary>
/// Finds the most probable of a closed set of continuations and computes no more than that takes: log-probabilities are never positive, so
/// what is known of a continuation's first tokens is a bound of all of it, and one that is complete and not below any bound is the best.
/// </summary>
/// <remarks>A prompt that leaves doubt after its most promising continuation was followed has all others computed in one more pass.</remarks>
internal sealed class BestFirstSearch(Decoder model, ForwardContext context, ContinuationTrie trie)
{
    /// <summary>Finds it.</summary>
    /// <param name="tokens">What follows the tokens in the cache, at least one.</param>
    /// <param name="cache">Keys and values of what comes before; as it was when this returns.</param>
    /// <returns>Index of the continuation.</returns>
    /// <exception cref="CheckpointException">The model's output is not a number.</exception>
    public int Find(int[] tokens, KeyValueCache cache)
    {
        var before = cache.Length;
        try
        {
            using var mode = Autograd.NoGrad();
            var known = new float?[trie.Edges.Length];
            var layout = SequenceLayout.Rows([tokens.Length], before);
            var prompt = new TokenBatch(Array.ConvertAll(tokens, id => (long)id), layout)
            {
                Cache = cache, AppendToCache = true, OutputRows = [tokens.Length - 1],
            };
            Read(prompt, [-1], known);
            for (var isFirst = true; ; isFirst = false)
            {
                var best = Enumerable.Range(0, trie.Paths.Length).MaxBy(path => Bound(trie.Paths[path], known));
                if (trie.Paths[best].All(edge => known[edge] is not null))
                {
                    return best;
                }

                Expand(isFirst ? [.. NodesOf(trie.Paths[best])] : [.. Enumerable.Range(0, trie.Tokens.Length)], cache, known);
            }
        }
        finally
        {
            cache.Rewind(before);
        }
    }

    private static double Bound(int[] path, float?[] known) => path.TakeWhile(edge => known[edge] is not null).Sum(edge => (double)known[edge]!.Value);

    private IEnumerable<int> NodesOf(int[] path) => path.Select(edge => trie.Edges[edge].Row - 1).Where(node => node >= 0);

    /// <summary>Computes nodes of the tree, their ancestors among them, behind what the cache holds.</summary>
    private void Expand(int[] nodes, KeyValueCache cache, float?[] known)
    {
        int[] parents = [.. nodes.Select(node => Array.IndexOf(nodes, trie.Parents[node]))];
        var layout = SequenceLayout.RowsWithTree([0], cache.Length, parents);
        Read(new TokenBatch([.. nodes.Select(node => (long)trie.Tokens[node])], layout) { Cache = cache }, nodes, known);
    }

    /// <summary>Reads the edges that lead from nodes, of which every output row is one; -1 is the prompt.</summary>
    private void Read(TokenBatch batch, int[] nodes, float?[] known)
    {
        using var scope = TensorScope.Enter();
        var rows = nodes.Index().ToDictionary(node => node.Item + 1, node => node.Index);
        int[] edges = [.. Enumerable.Range(0, trie.Edges.Length).Where(edge => rows.ContainsKey(trie.Edges[edge].Row))];
        TokenQuery[] queries = [.. edges.Select(edge => trie.Edges[edge] with { Row = rows[trie.Edges[edge].Row] })];
        var found = TokenLogProbabilities.Read(model, model.Forward(batch, context), queries, context, null);
        foreach (var (edge, value) in edges.Zip(found))
        {
            known[edge] = value;
        }
    }
}
