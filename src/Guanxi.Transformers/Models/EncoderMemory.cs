using Guanxi.Torch;

namespace Guanxi.Transformers.Models;

/// <summary>How much memory the kinds of work with an encoder take, as <see cref="MemoryEstimate"/> says it of language models.</summary>
public static class EncoderMemory
{
    /// <summary>Training of all parameters in Float32.</summary>
    /// <param name="config">The encoder's shape with its head.</param>
    /// <param name="work">Rows of a micro-batch, their tokens, and whether layers are computed again.</param>
    /// <returns>Bytes.</returns>
    public static long TrainingBytes(EncoderConfig config, MemoryWork work)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(work);
        var tokens = (long)work.Rows * work.RowTokens;
        var layer = LayerBytes(config, tokens, work);
        var kept = work.IsCheckpointed ? (config.LayerCount * tokens * config.HiddenSize * Element(work)) + layer : config.LayerCount * layer;

        // Gradients of one layer are as large as what it keeps; heads are small beside it.
        return MemoryEstimate.ProgramBytes + (MemoryEstimate.TrainedBytes * config.ParameterCount) + kept + layer;
    }

    /// <summary>Answering questions.</summary>
    /// <param name="config">The encoder's shape with its head.</param>
    /// <param name="work">Tokens of a batch of questions.</param>
    /// <returns>Bytes.</returns>
    public static long ServingBytes(EncoderConfig config, MemoryWork work)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(work);
        return MemoryEstimate.ProgramBytes + ((config.StorageType ?? DType.Float32).SizeInBytes() * config.ParameterCount) + LayerBytes(config, work.ServedTokens, work);
    }

    // Input, query, keys, values, their mixture, two products and two sums with their norms; the inner width before and behind its function.
    private static long LayerBytes(EncoderConfig config, long tokens, MemoryWork work) => tokens * Element(work) * ((9L * config.HiddenSize) + (2L * config.IntermediateSize));

    private static int Element(MemoryWork work) => work.ComputeType.SizeInBytes();
}
