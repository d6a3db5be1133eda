using System.Text;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints;

public sealed class SafetensorsWriterTests
{
    [GoldenTheory("golden")]
    [InlineData("models/llama/hf/model.safetensors")]
    [InlineData("models/llama3-rope/hf/model.safetensors")]
    [InlineData("models/llama/grads.safetensors")]
    [InlineData("models/llama3-rope/expected.safetensors")]
    [InlineData("models/llama-linear-rope/expected.safetensors")]
    [InlineData("models/mistral/hf/model-00002-of-00003.safetensors")]
    [InlineData("models/bert-seqcls/hf/model.safetensors")]
    [InlineData("peft/lora_r8_all_linear/adapter/adapter_model.safetensors")]
    [InlineData("peft/rslora_r4/adapter/adapter_model.safetensors")]
    [InlineData("peft/modules_to_save_lm_head/adapter/adapter_model.safetensors")]
    [InlineData("peft/dora_r8/adapter/adapter_model.safetensors")]
    [InlineData("peft/rank_and_alpha_pattern/adapter/adapter_model.safetensors")]
    [InlineData("peft/baichuan_w_pack/adapter/adapter_model.safetensors")]
    [InlineData("quant/checkpoint_nf4_double/model.safetensors")]
    [InlineData("quant/nf4/tensors.safetensors")]
    [InlineData("quant/int8_blockwise/tensors.safetensors")]
    [InlineData("training/optimizers/tensors.safetensors")]
    [InlineData("training/row_order/orders.safetensors")]
    public void A_golden_file_written_again_has_the_bytes_of_the_python_library(string golden)
    {
        var path = Golden.Locate(golden);
        using var file = SafetensorsFile.Open(path);
        using var written = new MemoryStream();

        // In reverse, so that the order of the file is the writer's doing.
        SafetensorsWriter.Write(written, file.Entries.Values.Reverse().Select(entry => TensorOf.File(file, entry)), file.Metadata);

        Assert.True(File.ReadAllBytes(path).AsSpan().SequenceEqual(written.ToArray()));
    }

    [Fact]
    public void Types_come_in_the_order_of_the_reference_library()
    {
        // The alignment order of its element types (safetensors/src/tensor.rs, Dtype), downwards; the shapes are one element each.
        DType[] order =
        [
            DType.Int64, DType.Float64, DType.Float32, DType.Int32, DType.BFloat16, DType.Float16, DType.Int16, DType.Int8, DType.UInt8,
            DType.Bool,
        ];
        var sources = order.Reverse().Select(dtype => TensorSource.FromBytes("t." + dtype, dtype, [1], new byte[dtype.SizeInBytes()]));
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(folder["a.safetensors"], sources, null);
        using var file = SafetensorsFile.Open(folder["a.safetensors"]);

        Assert.Equal(order, file.Entries.Values.Select(entry => entry.DType));
        Assert.Empty(file.Metadata);
        Assert.All(file.Entries.Values, entry => Assert.Equal(0, entry.Offset % entry.DType.SizeInBytes()));
    }

    [Fact]
    public void An_empty_file_is_the_one_of_the_reference_library()
    {
        Assert.Equal([8, 0, 0, 0, 0, 0, 0, 0, .. "{}      "u8], Write([], null));
        Assert.Equal(
            [40, 0, 0, 0, 0, 0, 0, 0, .. """{"__metadata__":{"framework":"pt"}}     """u8],
            Write([], new Dictionary<string, string> { ["framework"] = "pt" }));
    }

    [Fact]
    public void Names_are_sorted_by_their_bytes_and_escaped_as_rust_does()
    {
        // Sorted by UTF-16 units the last two would change places.
        string[] names = ["a\u0001\b\t\n\f\r\"\\/'<>&+\u007F", "人.权重", "\uFFFD", "\U0001F600"];
        var image = Write(names.Reverse().Select(name => TensorSource.FromBytes(name, DType.UInt8, [0], default)), null);

        var header = Encoding.UTF8.GetString(image, 8, image.Length - 8).TrimEnd();
        var entry = """:{"dtype":"U8","shape":[0],"data_offsets":[0,0]}""";
        string[] spelled = ["a\\u0001\\b\\t\\n\\f\\r\\\"\\\\/'<>&+\u007F", .. names[1..]];
        Assert.Equal("{" + string.Join(',', spelled.Select(name => $"\"{name}\"{entry}")) + "}", header);
        using var folder = new TemporaryFolder();
        using var file = SafetensorsFile.Open(folder.Add("a.safetensors", image));
        Assert.Equal(names, file.Entries.Keys);
    }

    [Fact]
    public void A_large_tensor_passes_through_in_small_pieces()
    {
        const int Size = 3_000_001;
        using var folder = new TemporaryFolder();
        var ramp = new TensorSource("t", DType.UInt8, [Size], WriteRamp);
        SafetensorsWriter.Write(folder["a.safetensors"], [ramp], SafetensorsWriter.PyTorchMetadata);
        using var file = SafetensorsFile.Open(folder["a.safetensors"]);
        SafetensorsWriter.Write(folder["b.safetensors"], [TensorOf.File(file, file.Entries["t"])], file.Metadata);

        Assert.Equal(File.ReadAllBytes(folder["a.safetensors"]), File.ReadAllBytes(folder["b.safetensors"]));
        Assert.Equal((byte)((Size - 1) % 251), file.ReadBytes("t")[^1]);

        static void WriteRamp(Stream stream)
        {
            for (var i = 0; i < Size; i++)
            {
                stream.WriteByte((byte)(i % 251));
            }
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public void A_source_that_writes_another_number_of_bytes_leaves_no_file(int bytes)
    {
        using var folder = new TemporaryFolder();
        var source = new TensorSource("t", DType.Float32, [1], stream => stream.Write(new byte[bytes]));

        Assert.Throws<InvalidOperationException>(() => SafetensorsWriter.Write(folder["a.safetensors"], [source], null));
        Assert.Empty(folder.Files());
    }

    [Fact]
    public void Impossible_tensors_are_refused()
    {
        Assert.Throws<ArgumentException>(() => TensorSource.FromBytes("t", DType.Float32, [2], new byte[4]));
        Assert.Throws<ArgumentException>(() => TensorSource.FromBytes("t", DType.Float32, [-1], default));
        Assert.Throws<ArgumentException>(() => TensorSource.FromBytes("__metadata__", DType.Float32, [0], default));
        Assert.Throws<ArgumentException>(() => new TensorSource("t", DType.Float64, [long.MaxValue], _ => { }));
        var twin = TensorSource.FromBytes("t", DType.UInt8, [0], default);
        Assert.Throws<ArgumentException>(() => Write([twin, twin], null));
        Assert.ThrowsAny<ArgumentException>(() => Write([TensorSource.FromBytes("\uD800", DType.UInt8, [0], default)], null));
    }

    private static byte[] Write(IEnumerable<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var stream = new MemoryStream();
        SafetensorsWriter.Write(stream, tensors, metadata);
        return stream.ToArray();
    }
}
