using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Peft;

public sealed class AdapterModelTests
{
    private const long Seed = 7;

    [Fact]
    public void A_fresh_adapter_changes_nothing_and_is_the_same_for_the_same_seed()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var plain = TinyModel.Make(layers: 2);
        using var one = TinyModel.Make(layers: 2);
        using var two = TinyModel.Make(layers: 2);
        using var other = TinyModel.Make(layers: 2);
        var config = new LoraConfig { Rank = 4, TargetModules = ModuleSelector.AllLinear };

        var first = AdapterModel.Start(one, config, Seed);
        var second = AdapterModel.Start(two, config, Seed);
        var third = AdapterModel.Start(other, config, Seed + 1);

        Close.Assert(TinyModel.Logits(plain), TinyModel.Logits(one), 0, "B is zero, so the sum is the base's to the bit");
        Assert.Equal(first.Trainable.Select(item => item.Name), second.Trainable.Select(item => item.Name));
        foreach (var ((name, mine), (_, theirs)) in first.Trainable.Zip(second.Trainable))
        {
            Close.Assert(mine.Value, theirs.Value, 0, name);
        }

        Assert.False(Values(first, 0).SequenceEqual(Values(third, 0)));
    }

    [Fact]
    public void A_is_uniform_within_one_by_the_root_of_the_input_and_differs_between_layers()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Make(layers: 2);

        var adapter = AdapterModel.Start(model, new LoraConfig { Rank = 64, TargetModules = ModuleSelector.Named(["down_proj"]) }, Seed);

        var (first, second) = (Values(adapter, 0), Values(adapter, 2));
        var bound = 1 / Math.Sqrt(TinyModel.Intermediate);
        Assert.All(first, value => Assert.InRange(Math.Abs(value), 0, bound));
        Assert.False(first.SequenceEqual(second));

        // 64 x 40 draws: the standard errors of mean and variance are 0.011 and 0.018 of these units; five of them.
        Assert.InRange(first.Average() / bound, -0.06, 0.06);
        Assert.InRange(first.Average(value => value * (double)value) / (bound * bound / 3), 0.9, 1.1);
        Assert.All(Values(adapter, 1), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Only_the_adapters_and_what_is_saved_whole_train()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var model = TinyModel.Make(layers: 1);
        var config = new LoraConfig { TargetModules = ModuleSelector.Named(["q_proj"]), ModulesToSave = ["embed_tokens", "lm_head"] };

        var adapter = AdapterModel.Start(model, config, Seed);

        Assert.Equal(
            [
                "base_model.model.model.embed_tokens.weight",
                "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
                "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
                "base_model.model.lm_head.weight",
            ],
            adapter.Trainable.Select(item => item.Name));
        Assert.Equal(
            ["lm_head.weight", "model.embed_tokens.weight"],
            model.NamedParameters().Where(item => item.Parameter.IsTrainable).Select(item => item.Name).Order(StringComparer.Ordinal));
        TinyModel.Logits(model).Sum().Backward();
        Assert.All(adapter.Trainable, item => Assert.NotNull(item.Parameter.Value.Grad));
    }

    [Fact]
    public void Every_adapted_layer_has_a_number_of_its_own()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Make(layers: 2);

        var adapter = AdapterModel.Start(model, new LoraConfig { TargetModules = ModuleSelector.AllLinear }, Seed);

        Assert.Equal(Enumerable.Range(0, 14), adapter.Layers.Select(item => item.Layer.Adapter!.Site));
    }

    [Fact]
    public void Many_layers_are_written_by_the_ends_of_their_names_and_mean_the_same()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Make(layers: 3);

        var adapter = AdapterModel.Start(model, new LoraConfig { TargetModules = ModuleSelector.AllLinear }, Seed);

        Assert.Equal(["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"], adapter.Config.TargetModules.Names);
        Assert.Equal(21, adapter.Layers.Count);
        Assert.All(adapter.Layers, item => Assert.True(adapter.Config.Targets(item.Path)));
    }

    [Fact]
    public void What_does_not_fit_the_model_is_told_at_once_and_changes_nothing()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Make(layers: 1);
        var config = new LoraConfig { TargetModules = ModuleSelector.Named(["W_pack"]), ModulesToSave = ["score"] };

        var error = Assert.Throws<OptionsException>(() => AdapterModel.Start(model, config, Seed));

        Assert.Equal(["target_modules", "modules_to_save"], error.Problems.Select(problem => problem.Where));
        Assert.Contains("q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, lm_head", error.Message, StringComparison.Ordinal);
        Assert.Contains("W_pack", error.Message, StringComparison.Ordinal);
        Assert.All(model.NamedModules(string.Empty), item => Assert.Null((item.Part as Linear)?.Adapter));
    }

    [Fact]
    public void Impossible_numbers_are_refused_together()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Make(layers: 1);
        var config = new LoraConfig { TargetModules = ModuleSelector.AllLinear, Rank = 0, Dropout = 1 };

        var error = Assert.Throws<OptionsException>(() => AdapterModel.Start(model, config, Seed));

        Assert.Equal(["r", "lora_dropout"], error.Problems.Select(problem => problem.Where));
    }

    [Fact]
    public void A_target_without_a_layer_is_no_error_beside_one_that_has_some()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Make(layers: 1);

        var adapter = AdapterModel.Start(model, new LoraConfig { TargetModules = ModuleSelector.Named(["q_proj", "W_pack"]) }, Seed);

        Assert.Contains("'W_pack'", Assert.Single(adapter.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_unexpected_and_misshaped_tensors_are_listed_together()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Make(layers: 1);
        using var folder = new TemporaryFolder();
        new LoraConfig { TargetModules = ModuleSelector.Named(["q_proj"]), Rank = 2 }.Write(folder.FullPath);
        const string Path = "base_model.model.model.layers.0.self_attn.q_proj";
        WriteTensors(folder, ($"{Path}.lora_A.weight", [2, 3]), ("base_model.model.other.lora_A.weight", [2, 2]));

        var error = Assert.Throws<CheckpointException>(() => AdapterModel.Load(model, folder.FullPath, isTrainable: false));

        Assert.Equal(3, error.Problems.Count);
        Assert.Contains("lora_A.weight' has another shape; expected [2, 24]; found [2, 3]", $"{error.Problems[0]}", StringComparison.Ordinal);
        Assert.Contains($"'{Path}.lora_B.weight' is missing; expected [24, 2]", error.Problems[1].ToString(), StringComparison.Ordinal);
        Assert.Contains("other.lora_A.weight' is not expected", error.Problems[2].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_for_other_layers_names_its_file()
    {
        using var leaks = new LeakCheck();
        using var model = TinyModel.Make(layers: 1);
        using var folder = new TemporaryFolder();
        new LoraConfig { TargetModules = ModuleSelector.Named(["W_pack"]) }.Write(folder.FullPath);

        var error = Assert.Throws<CheckpointException>(() => AdapterModel.Load(model, folder.FullPath, isTrainable: false));

        Assert.StartsWith(folder["adapter_config.json"] + ", target_modules", error.Problems[0].Where, StringComparison.Ordinal);
    }

    [Fact]
    public void Half_precision_adapters_are_widened()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var source = TinyModel.Make(layers: 1);
        using var target = TinyModel.Make(layers: 1);
        using var folder = new TemporaryFolder();
        var fresh = AdapterModel.Start(source, new LoraConfig { TargetModules = ModuleSelector.Named(["q_proj"]) }, Seed);
        SafetensorsWriter.Write(
            folder["adapter_model.safetensors"],
            fresh.Trainable.Select(item => TensorSource.FromTensor(item.Name, DType.BFloat16, item.Parameter.Value)),
            null);
        fresh.Config.Write(folder.FullPath);

        var read = AdapterModel.Load(target, folder.FullPath, isTrainable: false);

        Assert.Equal(DType.Float32, read.Trainable[0].Parameter.Value.DType);
        Close.Assert(fresh.Trainable[0].Parameter.Value.To(DType.BFloat16), read.Trainable[0].Parameter.Value, 0, "A");
        Assert.All(read.Trainable, item => Assert.False(item.Parameter.IsTrainable));
    }

    private static float[] Values(AdapterModel adapter, int index) => adapter.Trainable[index].Parameter.Value.ToArray<float>();

    private static void WriteTensors(TemporaryFolder folder, params (string Name, long[] Shape)[] tensors)
    {
        SafetensorsWriter.Write(
            folder["adapter_model.safetensors"],
            tensors.Select(item => new TensorSource(
                item.Name, DType.Float32, item.Shape, stream => stream.Write(new byte[item.Shape[0] * item.Shape[1] * sizeof(float)]))),
            null);
    }
}
