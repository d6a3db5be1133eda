using System.Text;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

/// <summary>A model folder that transformers and bitsandbytes wrote in 4 bits.</summary>
public sealed class QuantizedCheckpointTests
{
    private const string Case = "quant/checkpoint_nf4_double";

    [GoldenFact("golden/" + Case)]
    public void The_logits_of_the_dequantised_weights_equal_the_reference()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new GoldenFile($"{Case}/expected.safetensors");
        using var model = LanguageModel.Load(Golden.Locate(Case), new LanguageModelOptions());

        foreach (var name in golden.Names.Where(name => name.StartsWith("dequantised.", StringComparison.Ordinal)))
        {
            var layer = (Linear)model.Decoder.NamedModules(string.Empty).First(item => "dequantised." + item.Path == name).Part;
            Close.Assert(golden[name], layer.Weight.Materialize(DType.BFloat16), 0, name);
        }

        // case.json: the same weights computed in fp32; logits of size 6.
        var ids = golden["ids"];
        var rows = ids.ToArray<long>().Select(id => (int)id).Chunk((int)ids.Size(1)).ToList();
        var logits = model.Decoder.Logits(model.Decoder.Forward(TokenBatch.Of(rows), model.Evaluation), model.Evaluation);
        Close.Assert(golden["logits_dequantised_fp32"], logits.View(2, 12, 512), 2e-4, "logits_dequantised_fp32");
    }

    [GoldenFact("golden/" + Case)]
    public void Written_again_it_equals_the_bytes_of_the_original()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using var model = LanguageModel.Load(Golden.Locate(Case), new LanguageModelOptions());

        ModelWriter.WriteQuantized(model.Decoder, folder.FullPath, ModelWriter.DefaultShardBytes);

        Assert.Equal(File.ReadAllBytes(Golden.Locate($"{Case}/model.safetensors")), File.ReadAllBytes(folder["model.safetensors"]));
        Assert.Equivalent(model.Config, DecoderConfig.Read(folder.FullPath), strict: true);
    }

    [Theory]
    [InlineData("blocksize\": 64", "blocksize\": 32", "is of another kind or shape")]
    [InlineData("\"nf4\"", "\"fp4\"", "is of another kind or shape")]
    [InlineData("[24, 24]", "[24, 48]", "is of another kind or shape")]
    [InlineData("float32\", \"shape", "float99\", \"shape", "is not the JSON")]
    [InlineData("{", "[", "is not the JSON")]
    [InlineData("nested_blocksize\": 256", "nested_blocksize\": 100", "is not the JSON")]
    public void A_damaged_description_of_a_layer_is_told_once(string old, string with, string message)
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        WriteTiny(folder);
        const string Name = "model.layers.0.self_attn.q_proj.weight.quant_state.bitsandbytes__nf4";
        Change(folder, Name, bytes => Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes).Replace(old, with, StringComparison.Ordinal)));

        var error = Assert.Throws<CheckpointException>(() => LanguageModel.Load(folder.FullPath, new LanguageModelOptions()));

        Assert.Contains(message, Assert.Single(error.Problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_that_are_missing_cut_off_or_of_another_table_are_told_together()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        WriteTiny(folder);
        const string Layer = "model.layers.0.mlp";
        Change(folder, $"{Layer}.gate_proj.weight.absmax", _ => null);
        Change(folder, $"{Layer}.up_proj.weight", bytes => bytes[..^1]);
        Change(folder, $"{Layer}.down_proj.weight.quant_map", bytes => [.. bytes.Reverse()]);

        var error = Assert.Throws<CheckpointException>(() => LanguageModel.Load(folder.FullPath, new LanguageModelOptions()));

        Assert.Equal(3, error.Problems.Count);
        Assert.Contains("gate_proj.weight.absmax' of a 4-bit layer is missing", error.Message, StringComparison.Ordinal);
        Assert.Contains("up_proj.weight' of a 4-bit layer does not fit; expected 480 bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("down_proj.weight.quant_map' is not the table of NF4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Packed_bytes_may_be_stored_under_another_type()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var folder = new TemporaryFolder();
        WriteTiny(folder);
        using var plain = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());
        var before = TinyModel.Logits(plain.Decoder);
        Rewrite(folder, source => source.DType == DType.UInt8 && source.Name.EndsWith("_proj.weight", StringComparison.Ordinal)
            ? new TensorSource(source.Name, DType.BFloat16, [source.ByteLength / 2, 1], source.WriteTo)
            : source);

        using var model = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());

        Close.Assert(before, TinyModel.Logits(model.Decoder), 0, "logits");
    }

    [Fact]
    public void A_weight_that_is_not_a_number_is_refused_when_it_is_to_be_quantised()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using (var model = TinyModel.Make(layers: 1))
        {
            ModelWriter.Write(model, folder.FullPath, DType.Float32, ModelWriter.DefaultShardBytes);
        }

        Change(folder, "model.layers.0.mlp.up_proj.weight", bytes =>
        {
            BitConverter.TryWriteBytes(bytes.AsSpan(8), float.NaN);
            return bytes;
        });

        var error = Assert.Throws<CheckpointException>(
            () => LanguageModel.Load(folder.FullPath, new LanguageModelOptions { Storage = WeightStorage.Nf4 }));

        Assert.Contains("layers.0.mlp.up_proj.weight' cannot be quantised", $"{Assert.Single(error.Problems)}", StringComparison.Ordinal);
    }

    [Fact]
    public void Quantised_on_loading_or_before_gives_the_same_weights()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var dense = new TemporaryFolder();
        using var quantised = new TemporaryFolder();
        using (var tiny = TinyModel.Make(TinyModel.Config(1), DType.BFloat16))
        {
            ModelWriter.Write(tiny, dense.FullPath, null, ModelWriter.DefaultShardBytes);
        }

        using var loaded = LanguageModel.Load(dense.FullPath, new LanguageModelOptions { Storage = WeightStorage.Nf4 });
        ModelWriter.WriteQuantized(loaded.Decoder, quantised.FullPath, ModelWriter.DefaultShardBytes);
        using var again = LanguageModel.Load(quantised.FullPath, new LanguageModelOptions());

        Assert.Equal("bfloat16", again.Config.Quantization!.ComputeDType);
        foreach (var ((path, mine), (_, theirs)) in loaded.Decoder.NamedModules(string.Empty).Zip(again.Decoder.NamedModules(string.Empty)))
        {
            if (mine is Linear layer)
            {
                Close.Assert(layer.Weight.Materialize(DType.BFloat16), ((Linear)theirs).Weight.Materialize(DType.Float32), 0, path);
            }
        }
    }

    private static void WriteTiny(TemporaryFolder folder)
    {
        using var dense = new TemporaryFolder();
        using var model = TinyModel.Make(layers: 1);
        ModelWriter.Write(model, dense.FullPath, DType.Float32, ModelWriter.DefaultShardBytes);
        using var loaded = LanguageModel.Load(dense.FullPath, new LanguageModelOptions { Storage = WeightStorage.Nf4 });
        ModelWriter.WriteQuantized(loaded.Decoder, folder.FullPath, ModelWriter.DefaultShardBytes);
    }

    /// <summary>Changes the bytes of one tensor, as long as they may then be; null takes it away.</summary>
    private static void Change(TemporaryFolder folder, string name, Func<byte[], byte[]?> change) => Rewrite(folder, source =>
    {
        if (source.Name != name)
        {
            return source;
        }

        using var bytes = new MemoryStream();
        source.WriteTo(bytes);
        var changed = change(bytes.ToArray());
        var sameLength = changed?.Length == source.ByteLength;
        return changed is null ? null : TensorSource.FromBytes(name, source.DType, sameLength ? source.Shape : [changed.Length], changed);
    });

    private static void Rewrite(TemporaryFolder folder, Func<TensorSource, TensorSource?> change)
    {
        using var file = SafetensorsFile.Open(folder["model.safetensors"]);
        var sources = file.Entries.Values.Select(entry => change(TensorOf.File(file, entry))).OfType<TensorSource>().ToList();
        SafetensorsWriter.Write(folder["model.safetensors"], sources, SafetensorsWriter.PyTorchMetadata);
    }
}
