using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Models;

/// <summary>How much memory the kinds of work with a model take: sums over what each keeps, meant to be right within a fifth or so.</summary>
/// <param name="FullBytes">Training of all parameters.</param>
/// <param name="LoraBytes">Training of adapters beside the stored weights.</param>
/// <param name="QloraBytes">Training of adapters beside weights in 4 bits.</param>
/// <param name="ServeBytes">Answering questions.</param>
public sealed record MemoryEstimate(long FullBytes, long LoraBytes, long QloraBytes, long ServeBytes)
{
    /// <summary>Runtime, libtorch and its working memory before any model is loaded.</summary>
    internal const long ProgramBytes = 220L << 20;

    /// <summary>Of a parameter that trains, in single precision: itself, its gradient and AdamW's two moments.</summary>
    internal const int TrainedBytes = 4 * sizeof(float);

    // The forward pass holds the logits and their softmax in Float32, the backward pass a gradient of the same size.
    private const int HeadBytes = 3 * sizeof(float);

    /// <summary>Estimates a model.</summary>
    /// <param name="config">Its shape.</param>
    /// <param name="work">What is asked of it.</param>
    /// <returns>The estimate.</returns>
    public static MemoryEstimate Of(DecoderConfig config, MemoryWork work)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(work);
        var shape = new Shape(config, work.ComputeType.SizeInBytes());
        var tokens = work.SharedTokens + ((long)work.Rows * (work.RowTokens - work.SharedTokens));
        var training = ProgramBytes + shape.Activations(tokens, work.RowTokens, isTrained: true, work.IsCheckpointed)
            + (HeadBytes * (long)work.Rows * work.SupervisedTokens * config.VocabularySize);
        var adapters = TrainedBytes * work.LoraRank * shape.LoraWidths;
        var stored = shape.StoredBytes(config.Quantization is not null);
        return new MemoryEstimate(
            training + (TrainedBytes * config.ParameterCount) + shape.LargestMatrixIfCast(sizeof(float)),
            training + stored + adapters + shape.LargestMatrixIfCast(shape.ElementBytes),
            training + shape.StoredBytes(isQuantized: true) + adapters + shape.LargestMatrix,
            ProgramBytes + stored + shape.Activations(work.ServedTokens, work.RowTokens, isTrained: false, isCheckpointed: false)
            + shape.LargestMatrixIfCast(shape.ElementBytes) + shape.CacheBytes(work.ServedTokens));
    }

    /// <summary>What a configuration comes to.</summary>
    private sealed class Shape(DecoderConfig config, int computeBytes)
    {
        private readonly long _hidden = config.HiddenSize;
        private readonly long _inner = config.IntermediateSize;
        private readonly long _query = (long)config.HeadCount * config.HeadDim;
        private readonly long _key = (long)config.KeyValueHeadCount * config.HeadDim;

        /// <summary>Bytes of a stored weight that is not quantised.</summary>
        public int ElementBytes => (config.StorageType ?? DType.Float32).SizeInBytes();

        /// <summary>The largest matrix of a layer, brought to the compute type for a product.</summary>
        public long LargestMatrix => computeBytes * _hidden * Math.Max(_inner, _query + (2 * _key));

        /// <summary>Inputs and outputs of all linear layers but the head: an adapter of rank r has r times as many parameters.</summary>
        public long LoraWidths
        {
            get
            {
                var inputs = config.FusedQueryKeyValue
                    ? _hidden + _query + (2 * _key)
                    : (3 * _hidden) + _query + (2 * _key);
                return config.LayerCount * (inputs + _query + _hidden + (3 * (_hidden + _inner)));
            }
        }

        private long LinearElements => config.LayerCount * ((_hidden * ((2 * _query) + (2 * _key))) + (3 * _hidden * _inner));

        /// <summary>The largest matrix, unless products take the weights as they are.</summary>
        public long LargestMatrixIfCast(int storedBytes) => storedBytes == computeBytes ? 0 : LargestMatrix;

        /// <summary>
        /// All weights as they stay in memory: in 4 bits those of the layers, embedding and head never. An embedding that is not the head too
        /// stays in its mapped file, of which only the rows of words that occur are read.
        /// </summary>
        public long StoredBytes(bool isQuantized)
        {
            var others = config.ParameterCount - LinearElements - (config.TieWordEmbeddings ? 0 : (long)config.VocabularySize * _hidden);
            return isQuantized
                ? (long)(FourBitWeight.BytesOfWeight * LinearElements) + (ElementBytes * others)
                : ElementBytes * (LinearElements + others);
        }

        /// <summary>Keys and values of tokens that were read.</summary>
        public long CacheBytes(long tokens) => config.LayerCount * 2 * _key * tokens * computeBytes;

        /// <summary>What the layers keep for the backward pass, and what one holds while it computes.</summary>
        public long Activations(long tokens, long rowTokens, bool isTrained, bool isCheckpointed)
        {
            // Input, two norms and the sum between them; query, keys, values and their mixture; gate, up and their product.
            var one = tokens * computeBytes * ((4 * _hidden) + (2 * _query) + (2 * _key) + (3 * _inner));
            var weights = tokens * rowTokens * config.HeadCount * computeBytes;
            var layer = one + weights;
            if (!isTrained)
            {
                return layer;
            }

            // Gradients of one layer are as large as what it keeps.
            var boundaries = config.LayerCount * tokens * _hidden * computeBytes;
            return layer + (isCheckpointed ? boundaries + layer : config.LayerCount * layer);
        }
    }
}

/// <summary>What is asked of a model, as far as it decides about memory.</summary>
public sealed record MemoryWork
{
    /// <summary>Rows of a micro-batch.</summary>
    /// <value>8.</value>
    public int Rows { get; init; } = 8;

    /// <summary>Tokens of a row.</summary>
    /// <value>256.</value>
    public int RowTokens { get; init; } = 256;

    /// <summary>Tokens that all rows of a micro-batch begin with, which are computed once.</summary>
    /// <value>0.</value>
    public int SharedTokens { get; init; }

    /// <summary>Tokens of a row that are learnt.</summary>
    /// <value>5: an answer and its stop token.</value>
    public int SupervisedTokens { get; init; } = 5;

    /// <summary>Rank of the adapters.</summary>
    /// <value>64.</value>
    public int LoraRank { get; init; } = 64;

    /// <summary>Whether layers are computed again in the backward pass.</summary>
    /// <value>True.</value>
    public bool IsCheckpointed { get; init; } = true;

    /// <summary>Tokens of a batch of questions.</summary>
    /// <value>2048.</value>
    public int ServedTokens { get; init; } = 2048;

    /// <summary>Type of activations and products.</summary>
    /// <value>Float32.</value>
    public DType ComputeType { get; init; } = DType.Float32;
}
