using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>
/// Floating-point operations of the matrix products that a training step needs mathematically: 2 a weight and token forward, 2 backward to
/// the inputs, and the adapters' own. Attention scores and everything computed a second time are not counted, nor are tokens whose
/// result nobody asks for.
/// </summary>
/// <param name="Forward">Operations of the forward pass.</param>
/// <param name="Backward">Operations of the backward pass.</param>
internal readonly record struct OperationCount(double Forward, double Backward)
{
    public double Total => Forward + Backward;

    public static OperationCount operator +(OperationCount left, OperationCount right) =>
        new(left.Forward + right.Forward, left.Backward + right.Backward);

    /// <summary>Blocks alone, every token's output asked for.</summary>
    public static OperationCount OfLayers(DecoderConfig config, int layers, int rank, long tokens)
    {
        var count = default(OperationCount);
        foreach (var (rows, columns, _) in Linears(config))
        {
            count += Times(Adapted(rows, columns, rank, tokens), layers);
        }

        return count;
    }

    /// <summary>The whole model with its head, where only <paramref name="supervised"/> tokens are learnt.</summary>
    public static OperationCount OfModel(DecoderConfig config, int rank, long tokens, long supervised)
    {
        var count = OfLayers(config, config.LayerCount - 1, rank, tokens);
        foreach (var (rows, columns, needsAll) in Linears(config))
        {
            // Nothing after the last layer looks sideways: of its other tokens only keys and values are needed.
            count += Adapted(rows, columns, rank, needsAll ? tokens : supervised);
        }

        var head = 2.0 * supervised * config.VocabularySize * config.HiddenSize;
        return count + new OperationCount(head, head);
    }

    /// <summary>A whole encoder that trains in full, every token's output asked for; heads are next to nothing.</summary>
    public static OperationCount OfEncoder(EncoderConfig config, long tokens)
    {
        double hidden = config.HiddenSize;
        var forward = 2.0 * tokens * config.LayerCount * ((4 * hidden * hidden) + (2 * hidden * config.IntermediateSize));

        // The gradients of weights and those of inputs.
        return new OperationCount(forward, 2 * forward);
    }

    private static OperationCount Adapted(long rows, long columns, int rank, long tokens)
    {
        var (weight, adapter) = (2.0 * tokens * rows * columns, 2.0 * tokens * rank * (rows + columns));

        // Of the adapter the gradients of both its matrices, of its middle and of its input are wanted: each of its products twice.
        return new OperationCount(weight + adapter, weight + (2 * adapter));
    }

    private static OperationCount Times(OperationCount count, int factor) => new(count.Forward * factor, count.Backward * factor);

    private static (long Rows, long Columns, bool NeedsAll)[] Linears(DecoderConfig config)
    {
        var (hidden, inner) = ((long)config.HiddenSize, (long)config.IntermediateSize);
        var (query, key) = ((long)config.HeadCount * config.HeadDim, (long)config.KeyValueHeadCount * config.HeadDim);
        return
        [
            (query, hidden, false), (key, hidden, true), (key, hidden, true), (hidden, query, false),
            (inner, hidden, false), (inner, hidden, false), (hidden, inner, false),
        ];
    }
}
