using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Xunit;

namespace Guanxi.Transformers.Tests.Nn;

public sealed class LinearProductsTests
{
    [GoldenTheory("golden/quant/linear4bit")]
    [InlineData("w_fp32.compute_fp32.single", DType.Float32, 2e-5)]
    [InlineData("w_fp32.compute_fp32.double", DType.Float32, 2e-5)]
    [InlineData("w_bf16.compute_fp32.single", DType.Float32, 2e-5)]
    [InlineData("w_bf16.compute_fp32.double", DType.Float32, 2e-5)]
    [InlineData("w_fp32.compute_bf16.single", DType.BFloat16, 0.3)]
    [InlineData("w_bf16.compute_bf16.double", DType.BFloat16, 0.3)]
    public void A_4_bit_layer_and_its_gradient_equal_bitsandbytes(string name, DType computeType, double tolerance)
    {
        // fp32: that of case.json. bf16: without instructions for it libtorch 1.13 also sums in bf16, and 176 roundings of partial
        // sums of size 4 by 2^-9 each come to a tenth as a rule.
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var golden = new GoldenFile("quant/linear4bit/tensors.safetensors");
        using var reader = CheckpointReader.Open(Golden.Locate("quant/linear4bit/tensors.safetensors"));
        var weights = new CheckpointWeights(reader, new WeightLoading());
        using var layer = new Linear(weights.LinearWeight($"{name}.weight", 176, 64), new Parameter(golden["bias"]));
        Assert.IsType<FourBitWeight>(layer.Weight);
        var x = golden["x"].View(10, 64).To(computeType);
        x.RequiresGrad = true;

        var y = layer.Forward(x, new ForwardContext(computeType, null));
        Autograd.Backward([y], [golden["cotangent"].View(10, 176).To(computeType)]);

        Close.Assert(golden[$"{name}.output"].View(10, 176), y, tolerance, "output");
        Close.Assert(golden[$"{name}.grad_x"].View(10, 64), x.Grad!, tolerance, "grad_x");
    }

    [Fact]
    public void A_4_bit_weight_is_rounded_to_its_first_type_in_the_backward_pass_only()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var source = Tensor.Empty([12, 64], DType.Float32, Device.Cpu).NormalInPlace(0, 1).To(DType.BFloat16);
        using var weight = new FourBitWeight(FourBitTensor.Quantize(source, FourBitKind.Nf4, isDouble: false), null);

        var (forward, backward) = (weight.Materialize(DType.Float32), weight.MaterializeForBackward(DType.Float32));

        Close.Assert(forward.To(DType.BFloat16), backward, 0, "rounded");
        Assert.True((forward - backward).Abs().Max().Item() > 0);
    }

    [Theory]
    [InlineData("fp32", 128)]
    [InlineData("bf16", 128)]
    [InlineData("trains", 128)]
    [InlineData("nf4", 128)]
    [InlineData("int8", 128)]
    [InlineData("nf4", 70)]
    [InlineData("int8", 33)]
    [InlineData("fp16", 33)]
    public void A_few_tokens_without_gradients_give_what_many_give(string form, int depth)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var layer = new Linear(Stored(form, Random(40, depth)), new Parameter(Random(40)));
        layer.Attach(new LoraAdapter(new Parameter(Random(3, depth)), new Parameter(Random(40, 3)), 1.7, 0.5, site: 4));
        var x = Random(30, depth);
        using var mode = Autograd.NoGrad();
        var adapter = layer.Adapter!;
        var low = x.MatMul(adapter.Down.Value.Transpose(0, 1)).MatMul(adapter.Up.Value.Transpose(0, 1));
        var expected = x.MatMul(layer.Weight.Materialize(DType.Float32).Transpose(0, 1)) + layer.Bias!.Value + (low * 1.7);

        foreach (var tokens in (int[])[1, 3, 8, 16, 30])
        {
            // Sums of up to 128 products of size one, and of an adapter's ten times as large, up to 150: some twenty units in their last place.
            var output = layer.Forward(x.Narrow(0, 0, tokens), ForwardContext.Evaluate32);
            Close.Assert(expected.Narrow(0, 0, tokens), output, 3e-4, $"{form}, {tokens} tokens");
        }
    }

    [Theory]
    [InlineData(5, 0)]
    [InlineData(5, 0.5)]
    [InlineData(128, 0)]
    [InlineData(128, 0.5)]
    public void The_gradient_of_an_adapted_layer_is_that_of_the_formula_written_out(int depth, double dropout)
    {
        // Whole inputs of 128 go the way of tiles, others through libtorch's products.
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var layer = new Linear(Dense(7, depth), new Parameter(Random(7)));
        layer.Attach(new LoraAdapter(new Parameter(Random(3, depth)), new Parameter(Random(7, 3)), 1.7, dropout, site: 4));
        var (down, up) = (layer.Adapter!.Down, layer.Adapter.Up);
        (down.IsTrainable, up.IsTrainable) = (true, true);
        var (x, plain) = (Random(6, depth), new Tensor[3]);
        x.RequiresGrad = true;
        var context = new ForwardContext(DType.Float32, new DropoutKey(9, 2, 1));
        var cotangent = Random(6, 7);

        var y = layer.Forward(x, context);
        Autograd.Backward([y], [cotangent]);
        (plain[0], plain[1], plain[2]) = (Leaf(x), Leaf(down.Value), Leaf(up.Value));
        var dropped = dropout > 0 ? Functional.Dropout(plain[0], dropout, context.Dropout!.Value, 4) : plain[0];
        var low = dropped.MatMul(plain[1].Transpose(0, 1));
        var delta = low.MatMul(plain[2].Transpose(0, 1)) * 1.7;
        var written = Functional.Linear(plain[0], layer.Weight.Parameter!.Value, layer.Bias!.Value) + delta;
        Autograd.Backward([written], [cotangent]);

        // Sums of products of size one, in another order; those of B are ten times as large.
        Close.Assert(written, y, 5e-5, "output");
        Close.Assert(plain[0].Grad!, x.Grad!, 5e-5, "x");
        Close.Assert(plain[1].Grad!, down.Value.Grad!, 5e-5, "A");
        Close.Assert(plain[2].Grad!, up.Value.Grad!, 2e-4, "B");
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void Layers_that_share_their_input_give_together_what_each_gives_alone(DType computeType)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        Linear[] layers = [Quantised(70, site: 0), Quantised(33, site: 1), Quantised(48, site: 2)];
        var context = new ForwardContext(computeType, new DropoutKey(9, 2, 1));
        var x = Random(9, 128).To(computeType);
        var alone = x.Clone();
        (x.RequiresGrad, alone.RequiresGrad) = (true, true);
        Tensor[] cotangents = [Random(9, 70).To(computeType), Random(9, 48).To(computeType)];

        var together = Linear.ForwardAll(x, layers, context);
        Autograd.Backward([together[0], together[2]], cotangents);
        var gradients = layers.Select(layer => layer.Adapter!.Down.Value.Grad?.Clone()).ToArray();
        foreach (var layer in layers)
        {
            layer.Adapter!.Down.Value.Grad = null;
        }

        var single = layers.Select(layer => layer.Forward(alone, context)).ToArray();
        Autograd.Backward([single[0], single[2]], cotangents);

        Assert.All(together.Zip(single), pair => Close.Assert(pair.Second, pair.First, 0, "output"));
        Assert.Null(gradients[1]);
        Close.Assert(layers[0].Adapter!.Down.Value.Grad!, gradients[0]!, 0, "A of the first");
        Close.Assert(layers[2].Adapter!.Down.Value.Grad!, gradients[2]!, 0, "A of the third");

        // One sum over all layers against a sum of sums; in bf16 each of these is rounded.
        Close.Assert(alone.Grad!, x.Grad!, computeType == DType.Float32 ? 2e-5 : 0.1, "x");
        Array.ForEach(layers, layer => layer.Dispose());
    }

    [Fact]
    public void In_bf16_layers_with_adapters_and_dropout_give_what_they_give_in_fp32_up_to_its_rounding()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        Linear[] layers = [Quantised(70, site: 0), Quantised(33, site: 1), new(Dense(48, 128), new Parameter(Random(48)))];
        var source = Random(37, 128).To(DType.BFloat16);
        Tensor[] cotangents = [.. layers.Select(layer => Random(37, layer.Weight.OutputSize).To(DType.BFloat16))];

        var (single, half) = (Run(DType.Float32), Run(DType.BFloat16));

        // Half a unit of the last of eight bits for each of the roundings on the way: input, weight, middle, sum.
        Assert.All(single.Zip(half), pair => Close.Assert(pair.First, pair.Second, 0.015 * pair.First.Abs().Max().Item(), "output or gradient"));
        Array.ForEach(layers, layer => layer.Dispose());

        Tensor[] Run(DType computeType)
        {
            var x = source.To(computeType).Clone();
            x.RequiresGrad = true;
            var outputs = Linear.ForwardAll(x, layers, new ForwardContext(computeType, new DropoutKey(9, 2, 1)));
            Autograd.Backward(outputs, [.. cotangents.Select(cotangent => cotangent.To(computeType))]);
            var adapters = layers.Select(layer => layer.Adapter).OfType<LoraAdapter>().ToArray();
            Tensor[] gradients = [x.Grad!, .. adapters.SelectMany(adapter => (Tensor[])[adapter.Down.Value.Grad!.Clone(), adapter.Up.Value.Grad!.Clone()])];
            Array.ForEach(adapters, adapter => (adapter.Down.Value.Grad, adapter.Up.Value.Grad) = (null, null));
            return [.. outputs.Concat(gradients).Select(tensor => tensor.To(DType.Float32))];
        }
    }

    [Fact]
    public void In_bf16_layers_that_train_stand_alone_and_beside_others()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var trained = new Linear(Stored("trains", Random(20, 64)), null);
        using var frozen = new Linear(Dense(30, 64), null);
        var x = Random(5, 64).To(DType.BFloat16);
        x.RequiresGrad = true;
        var context = new ForwardContext(DType.BFloat16, new DropoutKey(9, 2, 1));

        var alone = Linear.ForwardAll(x, [trained], context);
        var mixed = Linear.ForwardAll(x, [frozen, trained], context);
        Autograd.Backward([alone[0]], [Random(5, 20).To(DType.BFloat16)]);

        Assert.NotNull(trained.Weight.Parameter!.Value.Grad);
        Close.Assert(alone[0], mixed[1], 0, "the layer that trains");
        Assert.Equal([5, 30], mixed[0].Shape);
    }

    private static Linear Quantised(long width, int site)
    {
        var layer = new Linear(new FourBitWeight(FourBitTensor.Quantize(Random(width, 128), FourBitKind.Nf4, isDouble: true), null), null);
        layer.Attach(new LoraAdapter(new Parameter(Random(4, 128)), new Parameter(Random(width, 4)), 0.5, 0.1, site));
        (layer.Adapter!.Down.IsTrainable, layer.Adapter.Up.IsTrainable) = (true, true);
        return layer;
    }

    private static LinearWeight Stored(string form, Tensor values) => form switch
    {
        "nf4" => new FourBitWeight(FourBitTensor.Quantize(values, FourBitKind.Nf4, isDouble: true), null),
        "int8" => Int8Weight.Quantize(values),
        "trains" => new DenseWeight(new Parameter(values.Clone()) { IsTrainable = true }),
        _ => new DenseWeight(new Parameter(values.To(form == "bf16" ? DType.BFloat16 : form == "fp16" ? DType.Float16 : DType.Float32).Clone())),
    };

    private static DenseWeight Dense(long outputSize, long inputSize) => new(new Parameter(Random(outputSize, inputSize)));

    private static Tensor Random(params long[] shape) => Tensor.Empty(shape, DType.Float32, Device.Cpu).NormalInPlace(0, 1);

    private static Tensor Leaf(Tensor value)
    {
        var leaf = value.Detach().Clone();
        leaf.RequiresGrad = true;
        return leaf;
    }
}
