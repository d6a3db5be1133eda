using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Tests.Models;

/// <summary>A small random encoder: no width equals another, so that a transposed matrix cannot pass.</summary>
internal static class TinyEncoder
{
    public static EncoderConfig Config { get; } = new()
    {
        VocabularySize = 50,
        HiddenSize = 24,
        IntermediateSize = 40,
        LayerCount = 2,
        HeadCount = 3,
        MaxPositions = 20,
        TokenTypeCount = 2,
        LayerNormEpsilon = 1e-12,
        HiddenDropout = 0.1,
        AttentionDropout = 0.1,
        ClassifierDropout = 0.1,
        PadId = 0,
        InitializerRange = 0.02,
        Head = EncoderHead.None,
        Labels = [],
    };

    public static Encoder Make(EncoderConfig config) =>
        new(config, hasPooler: true, new RandomWeights(seed: 3, deviation: 0.3, DType.Float32));
}
