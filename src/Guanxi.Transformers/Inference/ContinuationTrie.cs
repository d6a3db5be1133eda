namespace Guanxi.Transformers.Inference;

/// <summary>
/// Continuations as a tree of tokens: what several begin with is there once. A node is a token that some continuation goes on after;
/// an edge leads from the prompt or from a node to a next token.
/// </summary>
internal sealed class ContinuationTrie
{
    private ContinuationTrie(int[] tokens, int[] parents, TokenQuery[] edges, int[][] paths) =>
        (Tokens, Parents, Edges, Paths) = (tokens, parents, edges, paths);

    /// <summary>Token of every node; a parent comes before its children.</summary>
    public int[] Tokens { get; }

    /// <summary>Parent of every node, -1 for the prompt.</summary>
    public int[] Parents { get; }

    /// <summary>Every edge once, in the order of its origin: row 0 is the end of the prompt, row i + 1 is node i.</summary>
    public TokenQuery[] Edges { get; }

    /// <summary>For every continuation the indices of its edges, first to last.</summary>
    public int[][] Paths { get; }

    /// <summary>Tokens that the longest continuation adds to a row: all of its tokens but the last.</summary>
    public int Depth => Paths.Max(path => path.Length) - 1;

    /// <summary>Makes the tree.</summary>
    /// <param name="continuations">Token ids, at least one each, no two alike.</param>
    /// <returns>The tree.</returns>
    /// <exception cref="ArgumentException">There is none, one is empty, or two are the same.</exception>
    public static ContinuationTrie Of(IReadOnlyList<int[]> continuations)
    {
        if (continuations.Count == 0 || continuations.Any(continuation => continuation.Length == 0))
        {
            throw new ArgumentException("there must be continuations, and each needs a token", nameof(continuations));
        }

        var nodes = new Dictionary<(int Parent, int Token), int>();
        var edges = new Dictionary<TokenQuery, int>();
        foreach (var continuation in continuations)
        {
            var origin = -1;
            foreach (var (place, token) in continuation.Index())
            {
                edges.TryAdd(new TokenQuery(origin + 1, token), edges.Count);
                if (place < continuation.Length - 1)
                {
                    nodes.TryAdd((origin, token), nodes.Count);
                    origin = nodes[(origin, token)];
                }
            }
        }

        TokenQuery[] ordered = [.. edges.Keys.OrderBy(edge => edge.Row)];
        var places = ordered.Index().ToDictionary(pair => pair.Item, pair => pair.Index);
        int[][] paths = [.. continuations.Select(continuation => PathOf(continuation, nodes, places))];
        if (paths.Select(path => string.Join(' ', path)).Distinct().Count() < paths.Length)
        {
            throw new ArgumentException("two continuations have the same tokens", nameof(continuations));
        }

        return new ContinuationTrie([.. nodes.Keys.Select(node => node.Token)], [.. nodes.Keys.Select(node => node.Parent)],
            ordered, paths);
    }

    private static int[] PathOf(int[] continuation, Dictionary<(int Parent, int Token), int> nodes, Dictionary<TokenQuery, int> places)
    {
        var path = new int[continuation.Length];
        var origin = -1;
        for (var i = 0; i < path.Length; i++)
        {
            path[i] = places[new TokenQuery(origin + 1, continuation[i])];
            origin = i < path.Length - 1 ? nodes[(origin, continuation[i])] : origin;
        }

        return path;
    }
}
