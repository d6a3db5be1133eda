using System.Text.Json.Nodes;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Peft;

/// <summary>Adapters against what PEFT 0.21 computed and wrote.</summary>
public sealed class AdapterParityTests
{
    // The case.json files give these: fp32 with logits of size 10, about ten times what two orders of summation gave.
    private const double LogitTolerance = 2e-4;
    private const double LossTolerance = 2e-5;
    private const double GradientShare = 1e-4;
    private const double WeightTolerance = 2e-6;

    public static TheoryData<string> Cases =>
    [
        "lora_r8_all_linear", "rslora_r4", "modules_to_save_lm_head", "rank_and_alpha_pattern", "baichuan_w_pack", "dora_r8",
    ];

    [GoldenFact("golden/peft")]
    public void The_bases_alone_give_the_reference_logits()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new GoldenFile("peft/base_baichuan/expected.safetensors");
        using var baichuan = LanguageModel.Load(Golden.Locate("peft/base_baichuan"), new LanguageModelOptions());
        var ids = golden["ids"];
        var rows = ids.ToArray<long>().Select(id => (int)id).Chunk((int)ids.Size(1)).ToList();

        var hidden = baichuan.Decoder.Forward(TokenBatch.Of(rows), baichuan.Evaluation);

        var logits = baichuan.Decoder.Logits(hidden, baichuan.Evaluation);

        Close.Assert(golden["logits"], logits.View(golden["logits"].Shape), LogitTolerance, "baichuan");
        using var llama = new PeftCase("lora_r8_all_linear");
        using var plain = LanguageModel.Load(PeftCase.Base, new LanguageModelOptions());
        Close.Assert(llama.Expected["logits_base"], llama.Logits(plain.Decoder, plain.Evaluation), LogitTolerance, "llama");
    }

    [GoldenTheory("golden/peft")]
    [MemberData(nameof(Cases))]
    public void Logits_loss_and_every_gradient_equal_the_reference(string name)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new PeftCase(name);
        using var model = LanguageModel.Load(golden.Adapter, golden.Options with { IsAdapterTrainable = true });

        using (Autograd.NoGrad())
        {
            Close.Assert(golden.Expected["logits"], golden.Logits(model.Decoder, model.Evaluation), LogitTolerance, "logits");
        }

        golden.AssertTraining(model.Decoder, model.Adapter!, LossTolerance, GradientShare);
    }

    [GoldenFact("golden/peft/old_style_bin")]
    public void An_adapter_whose_weights_torch_saved_gives_the_reference_logits()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new PeftCase("old_style_bin");
        using var model = LanguageModel.Load(golden.Adapter, golden.Options);

        Close.Assert(golden.Expected["logits"], golden.Logits(model.Decoder, model.Evaluation), LogitTolerance, "logits");
    }

    [GoldenTheory("golden/peft")]
    [MemberData(nameof(Cases))]
    public void Merged_weights_and_logits_equal_the_reference(string name)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var golden = new PeftCase(name);
        using var model = LanguageModel.Load(golden.Adapter, golden.Options);

        using var folder = new TemporaryFolder();
        ModelWriter.Write(model.Decoder, folder.FullPath, null, ModelWriter.DefaultShardBytes);
        using var again = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());

        var weights = again.Decoder.NamedParameters().ToDictionary(item => item.Name, item => item.Parameter);
        foreach (var merged in golden.Expected.Names.Where(item => item.StartsWith("merged.", StringComparison.Ordinal)))
        {
            Close.Assert(golden.Expected[merged], weights[merged["merged.".Length..]].Value, WeightTolerance, merged);
        }

        Close.Assert(golden.Expected["logits_merged"], golden.Logits(again.Decoder, again.Evaluation), LogitTolerance, "logits_merged");
    }

    [GoldenTheory("golden/peft")]
    [MemberData(nameof(Cases))]
    [InlineData("qlora_load_fp32_compute_fp32")]
    [InlineData("qlora_load_bf16_compute_fp32")]
    [InlineData("qlora_load_bf16_compute_bf16")]
    public void A_folder_that_is_read_and_written_again_equals_the_bytes_of_PEFT(string name)
    {
        using var leaks = new LeakCheck();
        using var golden = new PeftCase(name);
        using var folder = new TemporaryFolder();
        using var model = LanguageModel.Load(golden.Adapter, golden.Options);

        model.Adapter!.Save(folder.FullPath);

        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], folder.Files());
        const string Weights = "adapter_model.safetensors";
        Assert.Equal(File.ReadAllBytes(Path.Combine(golden.Adapter, Weights)), File.ReadAllBytes(folder[Weights]));
        var theirs = JsonNode.Parse(File.ReadAllText(Path.Combine(golden.Adapter, LoraConfig.FileName)))!.AsObject();
        foreach (var (key, value) in JsonNode.Parse(File.ReadAllText(folder[LoraConfig.FileName]))!.AsObject())
        {
            Assert.True(JsonNode.DeepEquals(theirs[key], value), $"{key}: PEFT has {theirs[key]}, found {value}");
        }
    }

    [GoldenFact("golden/peft/old_style_bin")]
    public void An_adapter_that_torch_saved_is_written_with_the_same_tensors_and_keys()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new PeftCase("old_style_bin");
        using var folder = new TemporaryFolder();
        using var model = LanguageModel.Load(golden.Adapter, golden.Options);

        model.Adapter!.Save(folder.FullPath);

        using var theirs = CheckpointReader.Open(Path.Combine(golden.Adapter, "adapter_model.bin"));
        using var ours = CheckpointReader.Open(folder["adapter_model.safetensors"]);
        Assert.Equal(theirs.Names.Order(StringComparer.Ordinal), ours.Names.Order(StringComparer.Ordinal));
        foreach (var name in theirs.Names)
        {
            Assert.True(theirs.TryGet(name, out var file, out var entry) & ours.TryGet(name, out var other, out var found));
            Assert.Equal((entry!.DType, string.Join(',', entry.Shape)), (found!.DType, string.Join(',', found.Shape)));
            Assert.Equal(file!.ToTensor(entry).ToArray<float>(), other!.ToTensor(found).ToArray<float>());
        }

        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse(File.ReadAllText(Path.Combine(golden.Adapter, LoraConfig.FileName))), JsonNode.Parse(File.ReadAllText(folder[LoraConfig.FileName]))));
    }

    [GoldenFact("golden/peft")]
    public void All_linear_layers_are_spelled_out_when_written_as_PEFT_does()
    {
        using var golden = new PeftCase("lora_r8_all_linear");
        using var model = LanguageModel.Load(PeftCase.Base, new LanguageModelOptions());

        var adapter = AdapterModel.Start(model.Decoder, new LoraConfig { TargetModules = ModuleSelector.Of(null) }, seed: 1);

        Assert.Equal(LoraConfig.Read(golden.Adapter).TargetModules.Names, adapter.Config.TargetModules.Names);
        Assert.DoesNotContain(adapter.Trainable, item => item.Name.Contains("lm_head", StringComparison.Ordinal));
        var parameters = Golden.Json("peft/lora_r8_all_linear/case.json").GetProperty("trainable_parameters").GetInt64();
        Assert.Equal(parameters, adapter.Trainable.Sum(item => item.Parameter.Value.ElementCount));
    }
}
