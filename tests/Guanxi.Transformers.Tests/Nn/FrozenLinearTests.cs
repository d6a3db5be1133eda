using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Xunit;

namespace Guanxi.Transformers.Tests.Nn;

public sealed class FrozenLinearTests
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
        Assert.IsType<Nf4Weight>(layer.Weight);
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
        using var weight = new Nf4Weight(Nf4Tensor.Quantize(source, isDouble: false), null);

        var (forward, backward) = (weight.Materialize(DType.Float32), weight.MaterializeForBackward(DType.Float32));

        Close.Assert(forward.To(DType.BFloat16), backward, 0, "rounded");
        Assert.True((forward - backward).Abs().Max().Item() > 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    public void The_gradient_of_an_adapted_layer_is_that_of_the_formula_written_out(double dropout)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var layer = new Linear(Dense(7, 5), new Parameter(Random(7)));
        layer.Attach(new LoraAdapter(new Parameter(Random(3, 5)), new Parameter(Random(7, 3)), 1.7, dropout, site: 4));
        var (down, up) = (layer.Adapter!.Down, layer.Adapter.Up);
        (down.IsTrainable, up.IsTrainable) = (true, true);
        var (x, plain) = (Random(6, 5), new Tensor[3]);
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

        Close.Assert(written, y, 1e-5, "output");
        Close.Assert(plain[0].Grad!, x.Grad!, 1e-5, "x");
        Close.Assert(plain[1].Grad!, down.Value.Grad!, 1e-5, "A");
        Close.Assert(plain[2].Grad!, up.Value.Grad!, 1e-5, "B");
    }

    private static DenseWeight Dense(long outputSize, long inputSize) => new(new Parameter(Random(outputSize, inputSize)));

    private static Tensor Random(params long[] shape) => Tensor.Empty(shape, DType.Float32, Device.Cpu).NormalInPlace(0, 1);

    private static Tensor Leaf(Tensor value)
    {
        var leaf = value.Detach().Clone();
        leaf.RequiresGrad = true;
        return leaf;
    }
}
