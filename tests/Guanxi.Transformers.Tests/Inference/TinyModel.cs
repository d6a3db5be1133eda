using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Tests.Inference;

/// <summary>Golden decoders in fp32.</summary>
internal static class TinyModel
{
    public const string Sampling = "peft/base";
    public const string Llama = "models/llama/hf";

    public static Decoder Load(string relative)
    {
        var folder = Golden.Locate(relative);
        using var reader = CheckpointReader.Open(folder);
        var weights = new CheckpointWeights(reader, new WeightLoading { StorageType = DType.Float32 });
        return new Decoder(DecoderConfig.Read(folder), weights);
    }

    /// <summary>Rows of ids that differ in length and content, the same every time.</summary>
    public static int[][] Rows(int count, int vocabulary, int start)
    {
        var random = new Random(20240 + start);
        var lengths = Enumerable.Range(0, count).Select(row => 3 + (row * 7 % 23));
        return [.. lengths.Select(length => Enumerable.Range(0, length).Select(_ => random.Next(3, vocabulary)).ToArray())];
    }
}
