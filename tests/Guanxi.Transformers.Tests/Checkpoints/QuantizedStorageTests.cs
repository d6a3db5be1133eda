using System.Runtime.InteropServices;
using System.Text;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Xunit;
using Decoder = Guanxi.Transformers.Models.Decoder;

namespace Guanxi.Transformers.Tests.Checkpoints;

/// <summary>Layers quantised on loading, written as bitsandbytes stores them, and read again.</summary>
public sealed class QuantizedStorageTests
{
    private const string Layer = "model.layers.0.mlp.up_proj";

    [Theory]
    [InlineData(WeightStorage.Nf4, "nf4", false)]
    [InlineData(WeightStorage.Nf4, "nf4", true)]
    [InlineData(WeightStorage.Fp4, "fp4", false)]
    [InlineData(WeightStorage.Fp4, "fp4", true)]
    public void Four_bit_layers_are_the_same_after_they_were_written(WeightStorage storage, string name, bool isDouble)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        using var first = Quantised(folder, storage, isDouble);

        using var again = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());

        Assert.Equal((name, isDouble), (again.Config.Quantization!.QuantType, again.Config.Quantization.UseDoubleQuant));
        AssertSameWeights(first.Decoder, again.Decoder);
        using var file = SafetensorsFile.Open(folder["model.safetensors"]);
        var maxima = ((FourBitWeight)LayerOf(first.Decoder).Weight).Quantized.Maxima.ElementCount;
        var state = Encoding.UTF8.GetString(file.ReadBytes($"{Layer}.weight.quant_state.bitsandbytes__{name}"));
        Assert.StartsWith($$"""{"quant_type": "{{name}}", "blocksize": 64, "dtype": "float32", "shape": [40, 24]""", state,
            StringComparison.Ordinal);
        Assert.Equal(FourBitTensor.TableOf(storage == WeightStorage.Nf4 ? FourBitKind.Nf4 : FourBitKind.Fp4).ToArray(),
            file.Read<float>($"{Layer}.weight.quant_map"));
        var stored = file.Entries[$"{Layer}.weight.absmax"];
        Assert.Equal((isDouble ? DType.UInt8 : DType.Float32, maxima), (stored.DType, stored.ElementCount));
        Assert.Equal(isDouble, file.Entries.ContainsKey($"{Layer}.weight.nested_absmax"));
        Assert.Equal(isDouble, state.Contains("\"nested_blocksize\": 256, \"nested_dtype\": \"float32\", \"nested_offset\": ",
            StringComparison.Ordinal));
    }

    [Fact]
    public void Eight_bit_layers_have_a_scale_a_row_and_are_the_same_after_they_were_written()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        using var plain = TinyModel.Make(layers: 1);
        using var first = Quantised(folder, WeightStorage.Int8, isDouble: false);

        using var again = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());

        AssertSameWeights(first.Decoder, again.Decoder);
        using var file = SafetensorsFile.Open(folder["model.safetensors"]);
        var (codes, maxima) = (file.Read<sbyte>($"{Layer}.weight"), file.Read<float>($"{Layer}.SCB"));
        Assert.Equal((DType.UInt8, 0), (file.Entries[$"{Layer}.weight_format"].DType, file.Entries[$"{Layer}.weight_format"].Shape.Length));
        var source = LayerOf(plain).Weight.Materialize(DType.Float16).To(DType.Float32).ToArray<float>();
        foreach (var (row, values) in source.Chunk(24).Index())
        {
            var largest = values.Max(Math.Abs);
            Assert.Equal(largest, maxima[row]);
            Assert.Equal(values.Select(value => (sbyte)MathF.Round(value * (127 / largest))), codes.AsSpan(row * 24, 24).ToArray());
        }

        // Half a step of the row, and half precision before it.
        Close.Assert(source, LayerOf(again.Decoder).Weight.Materialize(DType.Float32).ToArray<float>(),
            0.51 / 127 * source.Max(Math.Abs), "layer");
        var config = JsonFile.ReadObject(folder["config.json"], 1 << 20).GetProperty("quantization_config");
        Assert.Equal((true, false), (config.GetProperty("load_in_8bit").GetBoolean(), config.GetProperty("load_in_4bit").GetBoolean()));
    }

    [Fact]
    public void Parts_of_8_bit_layers_that_do_not_fit_are_told_together()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        Quantised(folder, WeightStorage.Int8, isDouble: false).Dispose();
        Rewrite(folder, source => source.Name switch
        {
            $"{Layer}.SCB" => TensorSource.FromBytes(source.Name, DType.Float32, [39], new byte[39 * 4]),
            "model.layers.0.mlp.gate_proj.weight" => null,
            "model.layers.0.mlp.down_proj.weight_format" => TensorSource.FromBytes(source.Name, DType.UInt8, [], new byte[] { 1 }),
            _ => source,
        });

        var error = Assert.Throws<CheckpointException>(() => LanguageModel.Load(folder.FullPath, new LanguageModelOptions()));

        Assert.Equal(3, error.Problems.Count);
        Assert.Contains("up_proj.SCB' of an 8-bit layer does not fit; expected Float32 [40]; found Float32 [39]", error.Message,
            StringComparison.Ordinal);
        Assert.Contains("gate_proj.weight' of an 8-bit layer is missing", error.Message, StringComparison.Ordinal);
        Assert.Contains("down_proj.weight_format' says that the 8-bit layer is not in row order", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DType.Float64)]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float16)]
    [InlineData(DType.BFloat16)]
    public void Weights_of_every_floating_point_type_are_read(DType stored)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(layers: 1);
        ModelWriter.Write(model, folder.FullPath, DType.Float32, ModelWriter.DefaultShardBytes);
        Rewrite(folder, source => source.DType == DType.Float32 ? Converted(source, stored) : source);

        using var read = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());
        using var quantised = LanguageModel.Load(folder.FullPath, new LanguageModelOptions { Storage = WeightStorage.Nf4 });

        foreach (var ((name, mine), (_, theirs)) in model.NamedParameters().Zip(read.Decoder.NamedParameters()))
        {
            Close.Assert(mine.Value.To(stored), theirs.Value, 0, name);
            Assert.Equal(stored == DType.Float64 ? DType.Float32 : stored, theirs.Value.DType);
        }

        Assert.True(TinyModel.Logits(quantised.Decoder).IsFinite().To(DType.Float32).Sum().Item() > 0);
    }

    [Fact]
    public void Whole_numbers_are_no_weights()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using (var model = TinyModel.Make(layers: 1))
        {
            ModelWriter.Write(model, folder.FullPath, DType.Float32, ModelWriter.DefaultShardBytes);
        }

        Rewrite(folder, source => source.Name == $"{Layer}.weight"
            ? TensorSource.FromBytes(source.Name, DType.Int8, source.Shape, new byte[40 * 24])
            : source);

        var error = Assert.Throws<CheckpointException>(() => LanguageModel.Load(folder.FullPath, new LanguageModelOptions()));

        Assert.Contains("up_proj.weight' holds no real numbers; expected a floating-point type; found Int8",
            $"{Assert.Single(error.Problems)}", StringComparison.Ordinal);
    }

    private static LanguageModel Quantised(TemporaryFolder folder, WeightStorage storage, bool isDouble)
    {
        using var dense = new TemporaryFolder();
        using (var tiny = TinyModel.Make(layers: 1))
        {
            ModelWriter.Write(tiny, dense.FullPath, null, ModelWriter.DefaultShardBytes);
        }

        var model = LanguageModel.Load(dense.FullPath, new LanguageModelOptions { Storage = storage, UseDoubleQuantization = isDouble });
        ModelWriter.WriteQuantized(model.Decoder, folder.FullPath, ModelWriter.DefaultShardBytes);
        return model;
    }

    private static TensorSource Converted(TensorSource source, DType dtype)
    {
        var bytes = new MemoryStream();
        source.WriteTo(bytes);
        var values = MemoryMarshal.Cast<byte, float>(bytes.ToArray()).ToArray();
        return TensorSource.Computed(source.Name, dtype, source.Shape, () => Tensor.From<float>(values, source.Shape));
    }

    private static Linear LayerOf(Decoder model) => (Linear)model.NamedModules(string.Empty).Single(item => item.Path == Layer).Part;

    private static void AssertSameWeights(Decoder first, Decoder second)
    {
        var (mine, theirs) = (first.NamedModules(string.Empty), second.NamedModules(string.Empty));
        foreach (var ((path, one), (_, other)) in mine.Zip(theirs).Where(pair => pair.First.Part is Linear))
        {
            Close.Assert(((Linear)one).Weight.Materialize(DType.Float32), ((Linear)other).Weight.Materialize(DType.Float32), 0, path);
        }
    }

    private static void Rewrite(TemporaryFolder folder, Func<TensorSource, TensorSource?> change)
    {
        using var file = SafetensorsFile.Open(folder["model.safetensors"]);
        var sources = file.Entries.Values.Select(entry => change(TensorOf.File(file, entry))).OfType<TensorSource>().ToList();
        SafetensorsWriter.Write(folder["model.safetensors"], sources, SafetensorsWriter.PyTorchMetadata);
    }
}
