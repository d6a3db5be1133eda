using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Guanxi.Torch;
using Guanxi.Transformers.Benchmarks;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.TestKit;

/// <summary>A checkpoint of any shape on the disk, in bf16 and in shards, whose weights are the same noise again and again.</summary>
public static class GeneratedCheckpoint
{
    private const int TensorsOfShard = 40;
    private const int NoiseElements = 1 << 20;
    private const double Deviation = 0.02;

    /// <summary>A decoder of LLaMA's form as models of its size are published: more positions than a benchmark needs, weights in bf16.</summary>
    /// <param name="name">A benchmark's shape, e.g. <c>7b</c>.</param>
    public static DecoderConfig Llama(string name) =>
        DecoderShape.Find(name).Config with { MaxPositions = 4096, InitializerRange = Deviation, StorageType = DType.BFloat16 };

    /// <summary>Writes weights and configuration.</summary>
    public static void Write(DecoderConfig config, string folder)
    {
        var shapes = new ShapesOnly();
        new Decoder(config, shapes).Dispose();
        config.Write(folder);
        var noise = Noise();
        var map = new JsonObject();
        foreach (var (index, tensors) in shapes.Found.Chunk(TensorsOfShard).Index())
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"model-{index + 1:00000}.safetensors");
            SafetensorsWriter.Write(
                Path.Combine(folder, name),
                tensors.Select(item => new TensorSource(item.Name, DType.BFloat16, item.Shape, stream => Fill(stream, item.Shape, noise))),
                SafetensorsWriter.PyTorchMetadata);
            foreach (var (tensor, _) in tensors)
            {
                map[tensor] = name;
            }
        }

        File.WriteAllText(Path.Combine(folder, CheckpointReader.IndexName), new JsonObject { ["weight_map"] = map }.ToJsonString());
    }

    private static byte[] Noise()
    {
        using var scope = TensorScope.Enter();
        var noise = Tensor.Empty([NoiseElements], DType.Float32, Device.Cpu).NormalInPlace(0, Deviation).To(DType.BFloat16);
        return MemoryMarshal.AsBytes(noise.ToArray<ushort>().AsSpan()).ToArray();
    }

    private static void Fill(Stream stream, long[] shape, byte[] noise)
    {
        for (var left = sizeof(ushort) * shape.Aggregate(1L, (product, size) => product * size); left > 0; left -= noise.Length)
        {
            stream.Write(noise.AsSpan(0, (int)Math.Min(left, noise.Length)));
        }
    }

    /// <summary>Notes what a model asks for and gives it one element that stands for all.</summary>
    private sealed class ShapesOnly : WeightSource
    {
        public List<(string Name, long[] Shape)> Found { get; } = [];

        public override Parameter Parameter(string name, WeightStart start, params ReadOnlySpan<long> shape)
        {
            using var scope = TensorScope.Enter();
            Found.Add((name, shape.ToArray()));
            return new Parameter(Tensor.Zeros([1], DType.BFloat16, Device.Cpu).Expand(shape));
        }
    }
}
