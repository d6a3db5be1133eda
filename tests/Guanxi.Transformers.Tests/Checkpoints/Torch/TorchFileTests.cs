using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Torch;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints.Torch;

/// <summary>Files that torch.save wrote: every tensor is there with its name, type, shape and elements.</summary>
public sealed class TorchFileTests
{
    // The sums are those of tools/fixtures/torch_digests.py, which reads the same files with Python's own pickle and zipfile.
    [Theory]
    [GoldenInlineData("golden/models/llama-linear-rope", "llama-linear-rope", 30, "d8a5c18a64baee1980c9b7c983af45bea7bbb3d81479d12f56189797e629b830")]
    [GoldenInlineData("golden/models/qwen3", "qwen3", 36, "32a815072cc1d7d5df5d6f9ccf2fe92dc2f1386feb08a3c0e80a3d2d24b0c637")]
    [GoldenInlineData("golden/models/baichuan-7b", "baichuan-7b", 27, "08bee2836dc1d1bc0312c2ac0ee2966d8445f119e902e51febe5945de8c00719")]
    [GoldenInlineData("golden/models/baichuan-13b", "baichuan-13b", 24, "d745431c3941e8552bb1b37e3ad7a2fe168a3744fcb5e508e149e7b0dcced5fd")]
    [GoldenInlineData("golden/models/baichuan-13b-odd-heads", "baichuan-13b-odd-heads", 24, "7d69526bac6734d99288ef68b9bc116219f49da3683ff2c21c7c7727f31d932e")]
    [GoldenInlineData("golden/models/baichuan2-13b", "baichuan2-13b", 24, "b5e6a7f3330680e07359308577622a13ee5312bb83602065f7fcf72dd8c3eb24")]
    [GoldenInlineData("golden/models/bert-old-names", "bert-old-names", 61, "0e253f40443ccd8a4200a5a5aa7d4fd7024e028843d834ed1b9c7462a66452f9")]
    public void All_tensors_of_a_folder_are_those_that_another_reader_finds(string folder, int count, string expected)
    {
        using var leaks = new LeakCheck();
        using var reader = CheckpointReader.Open(Golden.Locate($"models/{folder}/hf"));
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var name in reader.Names)
        {
            Assert.True(reader.TryGet(name, out var file, out var entry));
            sum.AppendData(Encoding.UTF8.GetBytes($"{name} {entry.DType} [{string.Join(", ", entry.Shape)}]\n"));
            sum.AppendData(file.ReadBytes(name));
        }

        Assert.Equal(count, reader.Names.Count);
        Assert.Equal(expected, Convert.ToHexStringLower(sum.GetHashAndReset()));
    }

    [GoldenFact("golden/models/bert-old-names")]
    public void The_early_form_of_a_model_has_the_weights_of_its_present_form()
    {
        using var present = SafetensorsFile.Open(Golden.Locate("models/bert/hf/model.safetensors"));
        using var early = TorchFile.Open(Golden.Locate("models/bert-old-names/hf/pytorch_model.bin"));
        foreach (var (name, entry) in present.Entries)
        {
            var old = "bert." + (name.Contains("LayerNorm", StringComparison.Ordinal)
                ? name.Replace(".weight", ".gamma", StringComparison.Ordinal).Replace(".bias", ".beta", StringComparison.Ordinal)
                : name);
            Assert.Equal(entry.Shape, early.Entries[old].Shape);
            Assert.Equal(present.ReadBytes(name), early.ReadBytes(old));
        }

        Assert.Equal(Enumerable.Range(0, 64).Select(i => (long)i), early.Read<long>("bert.embeddings.position_ids")[..64]);
    }

    [GoldenFact("golden/models/llama-linear-rope")]
    public void A_transposed_view_is_put_in_order_and_slices_stay_where_they_are()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var file = TorchFile.Open(Golden.Locate("models/llama-linear-rope/hf/pytorch_model.bin"));
        var query = file.Entries["model.layers.0.self_attn.q_proj.weight"];
        var (key, value) = (file.Entries["model.layers.0.self_attn.k_proj.weight"], file.Entries["model.layers.0.self_attn.v_proj.weight"]);

        Assert.Equal([1L, 64L], query.Strides!);
        var raw = new ushort[64 * 64];
        file.Buffer.ReadSpan((ulong)query.Offset, MemoryMarshal.AsBytes(raw.AsSpan()));
        var ordered = file.ToTensor(query);
        Assert.True(ordered.IsContiguous);
        Assert.Equal(Enumerable.Range(0, 64 * 64).Select(i => raw[(i % 64 * 64) + (i / 64)]), ordered.ToArray<ushort>());

        Assert.Null(key.Strides);
        Assert.Equal(key.Offset + key.ByteLength, value.Offset);
        Assert.True(Unsafe.AreSame(ref file.ToTensor(key).AsSpan<ushort>()[0], ref file.ToTensor(key).AsSpan<ushort>()[0]));
    }

    [GoldenFact("golden/models/qwen3")]
    public void Tied_weights_are_two_names_for_one_place()
    {
        using var file = TorchFile.Open(Golden.Locate("models/qwen3/hf/pytorch_model.bin"));
        var (embedding, head) = (file.Entries["model.embed_tokens.weight"], file.Entries["lm_head.weight"]);

        Assert.Equal((embedding.Offset, embedding.ByteLength), (head.Offset, head.ByteLength));
        Assert.Equal(0, head.Offset % 64);
    }

    [GoldenFact("golden/models/llama-linear-rope")]
    public void A_strided_tensor_can_be_written_to_another_file()
    {
        using var folder = new TemporaryFolder();
        using var file = TorchFile.Open(Golden.Locate("models/llama-linear-rope/hf/pytorch_model.bin"));
        SafetensorsWriter.Write(
            folder["copy.safetensors"], file.Entries.Values.Select(entry => TensorOf.File(file, entry)), SafetensorsWriter.PyTorchMetadata);

        using var copy = SafetensorsFile.Open(folder["copy.safetensors"]);
        Assert.Equal(file.Entries.Keys.Order(), copy.Entries.Keys.Order());
        Assert.All(file.Entries.Keys, name => Assert.Equal(file.ReadBytes(name), copy.ReadBytes(name)));
    }

    [Fact]
    public void Views_of_one_storage_give_the_elements_that_torch_would_give()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        Assert.Equal([3f, 4f, 5f, 6f], One(folder, 3, [2, 2], [2, 1]).Elements);
        Assert.Equal([1f, 4f, 7f, 2f, 5f, 8f], One(folder, 1, [2, 3], [1, 3]).Elements);
        Assert.Equal([0f, 4f, 8f], One(folder, 0, [3], [4]).Elements);
        Assert.Equal([9f], One(folder, 9, [], []).Elements);
        Assert.Empty(One(folder, 10, [0, 5], [5, 1]).Elements);

        // The strides of dimensions of size 1 say nothing: no copy is made for them.
        Assert.Null(One(folder, 2, [1, 3, 1], [77, 1, 99]).Entry.Strides);
    }

    [Theory]
    [InlineData("DoubleStorage", DType.Float64, 5)]
    [InlineData("FloatStorage", DType.Float32, 10)]
    [InlineData("HalfStorage", DType.Float16, 20)]
    [InlineData("BFloat16Storage", DType.BFloat16, 20)]
    [InlineData("LongStorage", DType.Int64, 5)]
    [InlineData("IntStorage", DType.Int32, 10)]
    [InlineData("ShortStorage", DType.Int16, 20)]
    [InlineData("CharStorage", DType.Int8, 40)]
    [InlineData("ByteStorage", DType.UInt8, 40)]
    [InlineData("BoolStorage", DType.Bool, 40)]
    public void Every_kind_of_storage_has_its_type(string kind, DType dtype, long count)
    {
        using var folder = new TemporaryFolder();
        var pickle = new PickleImage().Op("}").Text("a").Tensor(image => image.Storage("0", count, kind), 0, [count], [1]).Op("s").Stop();
        using var file = TorchFile.Open(folder.Add("a.bin", TorchImage.Zip(pickle)));

        Assert.Equal((dtype, 40), (file.Entries["a"].DType, file.Entries["a"].ByteLength));
        Assert.Equal(TorchImage.Floats(10), file.ReadBytes("a"));
    }

    [Fact]
    public void A_parameter_and_a_dictionary_with_attributes_are_read_as_what_they_hold()
    {
        using var folder = new TemporaryFolder();
        var pickle = new PickleImage().OrderedDict().Text("a").Global("torch._utils", "_rebuild_parameter").Op("(")
            .Tensor(image => image.Storage("0", 10), 0, [10], [1]).Raw(0x88).OrderedDict().Op("tRs")
            .Op("}").Text("_metadata").OrderedDict().Op("sb").Stop();
        using var file = TorchFile.Open(folder.Add("a.bin", TorchImage.Zip(pickle)));

        Assert.Equal(["a"], file.Entries.Keys);
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (float)i), file.ReadSingles("a"));
    }

    [Fact]
    public void Protocol_4_is_read_too()
    {
        using var folder = new TemporaryFolder();
        var pickle = new PickleImage(4).Raw(0x95).Raw(BitConverter.GetBytes(0L)).Op("}").Raw(0x94).Raw(0x8c, 1).Op("a").Raw(0x94)
            .Raw(0x8c, 12).Op("torch._utils").Raw(0x8c, 18).Op("_rebuild_tensor_v2").Raw(0x93).Op("(")
            .Storage("0", 10).Number(0).Tuple(10).Tuple(1).Raw(0x89).OrderedDict().Op("tRs").Stop();
        using var file = TorchFile.Open(folder.Add("a.bin", TorchImage.Zip(pickle)));
        Assert.Equal(TorchImage.Floats(10), file.ReadBytes("a"));
    }

    [Fact]
    public void An_archive_with_64_bit_numbers_and_a_byte_order_is_read()
    {
        using var folder = new TemporaryFolder();
        var image = TorchImage.Archive(
        [
            new ZipPart("x/byteorder", "little"u8.ToArray()),
            new ZipPart("x/data.pkl", PickleImage.OneTensor(0, [10], [1])) { IsWide = true },
            new ZipPart("x/data/0", TorchImage.Floats(10)) { IsWide = true },
        ]);
        using var file = TorchFile.Open(folder.Add("a.bin", image));
        Assert.Equal(TorchImage.Floats(10), file.ReadBytes("a"));
    }

    [Fact]
    public void A_legacy_storage_may_be_seen_in_part()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        var pickle = new PickleImage().Op("}(").Text("part").Tensor(image => image.Storage("7", 6, view: [2, 3]), 1, [2], [1])
            .Text("whole").Tensor(image => image.Storage("7", 6), 0, [3, 2], [1, 3]).Op("u").Stop();
        using var file = TorchFile.Open(folder.Add("a.bin", TorchImage.Legacy(pickle, TorchImage.Keys("7"), TorchImage.Counted(6))));

        Assert.Equal([3f, 4f], file.ReadSingles("part"));
        Assert.Equal([0f, 3f, 1f, 4f, 2f, 5f], file.ReadSingles("whole"));
    }

    [Fact]
    public void Elements_that_lie_unaligned_are_copied_into_place()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var folder = new TemporaryFolder();
        var aligned = new List<bool>();
        foreach (var name in new[] { "a", "ab", "abc", "abcd" })
        {
            var pickle = new PickleImage().Op("}").Text(name).Tensor(image => image.Storage("0", 10), 0, [10], [1]).Op("s").Stop();
            using var file = TorchFile.Open(folder.Add($"{name}.bin", TorchImage.Zip(pickle)));
            aligned.Add(file.Entries[name].IsAligned);
            Assert.Equal(Enumerable.Range(0, 10).Select(i => (float)i), file.ToTensor(file.Entries[name]).ToArray<float>());
        }

        Assert.Single(aligned, true);
    }

    private static (TensorEntry Entry, float[] Elements) One(TemporaryFolder folder, long start, long[] shape, long[] strides)
    {
        using var file = TorchFile.Open(folder.Add("one.bin", TorchImage.Zip(PickleImage.OneTensor(start, shape, strides))));
        using var scope = TensorScope.Enter();
        var elements = file.ReadSingles("a");
        Assert.Equal(elements, file.ToTensor(file.Entries["a"]).ToArray<float>());
        Assert.True(file.ToTensor(file.Entries["a"]).Shape.SequenceEqual(shape));
        return (file.Entries["a"], elements);
    }
}
