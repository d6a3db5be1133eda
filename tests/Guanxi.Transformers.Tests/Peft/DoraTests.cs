using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Peft;

public sealed class DoraTests
{
    [Theory]
    [InlineData(6, 0)]
    [InlineData(6, 0.5)]
    [InlineData(128, 0)]
    [InlineData(128, 0.5)]
    public void Output_and_gradients_are_those_of_the_formula_written_out(int depth, double dropout)
    {
        // Whole inputs of 128 go the way of tiles, others through libtorch's products.
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        const double Scale = 1.7;
        using var weight = new Parameter(Random(7, depth));
        using var layer = new Linear(new DenseWeight(weight), new Parameter(Random(7)));
        layer.Attach(new LoraAdapter(new Parameter(Random(3, depth)), new Parameter(Random(7, 3)), Scale, dropout, site: 4)
        {
            Magnitude = new DoraMagnitude(new Parameter(Random(7)), layer.Weight),
        });
        var adapter = layer.Adapter!;
        Parameter[] trained = [adapter.Down, adapter.Up, adapter.Magnitude!.Parameter];
        Array.ForEach(trained, parameter => parameter.IsTrainable = true);
        var context = new ForwardContext(DType.Float32, new DropoutKey(9, 2, 1));
        var (x, cotangent) = (Leaf(Random(6, depth)), Random(6, 7));

        var y = layer.Forward(x, context);
        Autograd.Backward([y], [cotangent]);

        var plain = trained.Select(parameter => Leaf(parameter.Value)).ToArray();
        var input = Leaf(x);
        var dropped = dropout > 0 ? Functional.Dropout(input, dropout, context.Dropout!.Value, 4) : input;
        var sum = weight.Value + (plain[1].MatMul(plain[0]).Detach() * Scale);
        var ratio = plain[2] / (sum * sum).Sum(1, keepDimension: false).Sqrt();
        var low = dropped.MatMul(plain[0].Transpose(0, 1)).MatMul(plain[1].Transpose(0, 1)) * Scale;
        var written = Functional.Linear(input, weight.Value, layer.Bias!.Value)
            + ((ratio + -1) * Functional.Linear(dropped, weight.Value, null)) + (ratio * low);
        Autograd.Backward([written], [cotangent]);

        // Sums of products of size one, in another order; gradients are sums over six rows of outputs as large as 100.
        Close.Assert(written, y, 2e-4, "output");
        Close.Assert(input.Grad!, x.Grad!, 1e-4, "x");
        Assert.All(plain.Zip(trained).Index(), item => Close.Assert(item.Item.First.Grad!, item.Item.Second.Value.Grad!, 5e-4,
            $"parameter {item.Index}"));
    }

    [Fact]
    public void A_fresh_adapter_changes_nothing_and_what_is_saved_is_loaded_again()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        using var plain = TinyModel.Make(layers: 1);
        using var model = TinyModel.Make(layers: 1);
        using var again = TinyModel.Make(layers: 1);

        var adapter = AdapterModel.Start(model, new LoraConfig { TargetModules = ModuleSelector.AllLinear, UseDora = true }, seed: 5);

        // m / |w| is one up to a rounding or two of each row.
        Close.Assert(TinyModel.Logits(plain), TinyModel.Logits(model), 1e-5, "fresh");
        Assert.Equal(3 * 7, adapter.Trainable.Count);
        foreach (var (_, parameter) in adapter.Trainable)
        {
            parameter.Value.AddInPlace(Random([.. parameter.Value.Shape]), 0.1);
        }

        adapter.Save(folder.FullPath);
        _ = AdapterModel.Load(again, folder.FullPath, isTrainable: false);

        Close.Assert(TinyModel.Logits(model), TinyModel.Logits(again), 0, "loaded");
        Assert.True((TinyModel.Logits(plain) - TinyModel.Logits(again)).Abs().Max().Item() > 0.01);
    }

    [Fact]
    public void Magnitudes_that_are_missing_or_too_many_are_told()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Make(layers: 1);
        using var other = TinyModel.Make(layers: 1);
        var config = new LoraConfig { TargetModules = ModuleSelector.Named(["q_proj"]), UseDora = true };
        AdapterModel.Start(model, config, seed: 5).Save(folder.FullPath);
        (config with { UseDora = false }).Write(folder.FullPath);

        var error = Assert.Throws<CheckpointException>(() => AdapterModel.Load(other, folder.FullPath, isTrainable: false));

        Assert.Contains("lora_magnitude_vector' is not expected", $"{Assert.Single(error.Problems)}", StringComparison.Ordinal);
    }

    private static Tensor Random(params long[] shape) => Tensor.Empty(shape, DType.Float32, Device.Cpu).NormalInPlace(0, 1);

    private static Tensor Leaf(Tensor value)
    {
        var leaf = value.Detach().Clone();
        leaf.RequiresGrad = true;
        return leaf;
    }
}
