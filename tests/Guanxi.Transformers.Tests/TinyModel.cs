using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Tests;

/// <summary>A small random decoder: no width equals another, so that a transposed matrix cannot pass.</summary>
internal static class TinyModel
{
    public const int Intermediate = 40;

    public static DecoderConfig Config(int layers) => new()
    {
        Architecture = "LlamaForCausalLM",
        ModelType = "llama",
        VocabularySize = 50,
        HiddenSize = 24,
        IntermediateSize = Intermediate,
        LayerCount = layers,
        HeadCount = 4,
        KeyValueHeadCount = 2,
        HeadDim = 6,
        RmsNormEpsilon = 1e-6,
        RopeTheta = 10000,
        MaxPositions = 64,
        TieWordEmbeddings = false,
        FusedQueryKeyValue = false,
        BosId = 1,
        EosIds = [2],
        PadId = 0,
        InitializerRange = 0.02,
    };

    public static Decoder Make(int layers) => Make(Config(layers), DType.Float32);

    public static Decoder Make(DecoderConfig config, DType dtype) => new(config, new RandomWeights(seed: 3, deviation: 0.3, dtype));

    public static Tensor Logits(Decoder model)
    {
        var hidden = model.Forward(TokenBatch.Of([[1, 7, 3, 44], [1, 9]]), ForwardContext.Evaluate32);
        return model.Logits(hidden, ForwardContext.Evaluate32);
    }
}
