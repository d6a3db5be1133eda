using System.Text.Json.Nodes;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints;

public sealed class ModelWriterTests
{
    private const long OneFile = ModelWriter.DefaultShardBytes;

    [GoldenTheory("golden/peft")]
    [InlineData("peft/base")]
    [InlineData("peft/base_baichuan")]
    public void A_model_that_is_read_and_written_again_equals_the_bytes_of_the_reference(string name)
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using var model = LanguageModel.Load(Golden.Locate(name), new LanguageModelOptions());

        ModelWriter.Write(model.Decoder, folder.FullPath, null, OneFile);

        Assert.Equal(File.ReadAllBytes(Golden.Locate($"{name}/model.safetensors")), File.ReadAllBytes(folder["model.safetensors"]));
        Assert.Equivalent(model.Config, DecoderConfig.Read(folder.FullPath), strict: true);
    }

    [Fact]
    public void Shards_hold_every_tensor_once_none_larger_than_asked_and_load_as_one_model()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(layers: 2);
        const long Limit = 10_000;

        ModelWriter.Write(model, folder.FullPath, null, Limit);

        var index = JsonNode.Parse(File.ReadAllText(folder["model.safetensors.index.json"]))!;
        var shards = index["weight_map"]!.AsObject().GroupBy(item => item.Value!.GetValue<string>(), item => item.Key).ToList();
        Assert.Equal(4 * model.Config.ParameterCount, index["metadata"]!["total_size"]!.GetValue<long>());
        string[] expected = [.. shards.Select(shard => shard.Key), "config.json", "model.safetensors.index.json"];
        Assert.Equal(expected.Order(StringComparer.Ordinal), folder.Files());
        Assert.EndsWith($"-of-{shards.Count:00000}.safetensors", shards[0].Key, StringComparison.Ordinal);
        foreach (var shard in shards)
        {
            using var file = SafetensorsFile.Open(folder[shard.Key]);
            Assert.Equal(shard.Order(StringComparer.Ordinal), file.Entries.Keys.Order(StringComparer.Ordinal));
            Assert.InRange(file.Entries.Values.Sum(entry => entry.ByteLength), 1, Limit);
        }

        using var again = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());
        Close.Assert(TinyModel.Logits(model), TinyModel.Logits(again.Decoder), 0, "logits");
    }

    [Theory]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void Weights_are_rounded_to_the_storage_type_and_the_configuration_says_so(DType storage)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(layers: 1);

        ModelWriter.Write(model, folder.FullPath, storage, OneFile);

        using var again = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());
        Assert.Equal(storage, again.Config.StorageType);
        foreach (var ((name, mine), (_, theirs)) in model.NamedParameters().Zip(again.Decoder.NamedParameters()))
        {
            Assert.Equal(storage, theirs.Value.DType);
            Close.Assert(mine.Value.To(storage), theirs.Value, 0, name);
        }
    }

    [Fact]
    public void A_tied_head_is_written_once()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(TinyModel.Config(1) with { TieWordEmbeddings = true }, DType.Float32);

        ModelWriter.Write(model, folder.FullPath, null, OneFile);

        using var reader = CheckpointReader.Open(folder.FullPath);
        Assert.DoesNotContain("lm_head.weight", reader.Names);
        using var again = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());
        Close.Assert(TinyModel.Logits(model), TinyModel.Logits(again.Decoder), 0, "logits");
    }

    [Theory]
    [InlineData(WeightStorage.AsStored)]
    [InlineData(WeightStorage.Nf4)]
    public void Adapters_are_merged_while_writing_and_the_model_stays_as_it_was(WeightStorage storage)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        using var merged = new TemporaryFolder();
        using (var plain = TinyModel.Make(layers: 1))
        {
            ModelWriter.Write(plain, folder.FullPath, null, OneFile);
        }

        using var model = LanguageModel.Load(folder.FullPath, new LanguageModelOptions { Storage = storage });
        var adapter = AdapterModel.Start(model.Decoder, new LoraConfig { TargetModules = ModuleSelector.Of(["q_proj", "down_proj"]) }, 5);
        foreach (var (_, parameter) in adapter.Trainable)
        {
            parameter.Value.NormalInPlace(0, 0.3);
        }

        var before = TinyModel.Logits(model.Decoder);
        ModelWriter.Write(model.Decoder, merged.FullPath, DType.Float32, OneFile);

        Close.Assert(before, TinyModel.Logits(model.Decoder), 0, "the model in memory");
        using var again = LanguageModel.Load(merged.FullPath, new LanguageModelOptions());
        Assert.Null(again.Config.Quantization);

        // fp32 sums in another order on logits of size 10.
        Close.Assert(before, TinyModel.Logits(again.Decoder), 1e-4, "the merged one");
        var layers = again.Decoder.NamedModules(string.Empty).Select(item => item.Part).OfType<Linear>();
        Assert.All(layers, layer => Assert.IsType<DenseWeight>(layer.Weight));
    }

    [Fact]
    public void An_adapter_is_not_written_into_4_bits()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(layers: 1);
        Assert.Throws<InvalidOperationException>(() => ModelWriter.WriteQuantized(model, folder.FullPath, OneFile));
        _ = AdapterModel.Start(model, new LoraConfig { TargetModules = ModuleSelector.AllLinear }, 5);

        Assert.Throws<InvalidOperationException>(() => ModelWriter.WriteQuantized(model, folder.FullPath, OneFile));

        Assert.Empty(folder.Files());
    }
}
