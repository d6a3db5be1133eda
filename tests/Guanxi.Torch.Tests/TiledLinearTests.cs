using Guanxi.TestKit;
using Guanxi.Torch.Kernels;
using Guanxi.Torch.Tests.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests;

/// <summary>Layers in tiles against the same formula written out in libtorch's operators.</summary>
[Collection(KernelCheck.Collection)]
public sealed class TiledLinearTests
{
    // Sums of up to 512 products of size one in another order; the adapters' gradients are sums over 300 tokens of sums of size 10.
    private const double Tolerance = 2e-5;
    private const double GradientTolerance = 2e-4;

    private static readonly DropoutKey s_key = new(5, 6, 7);

    [Theory]
    [InlineData(1, 128, 4, 0, DType.Float32)]
    [InlineData(5, 128, 3, 0.05, DType.BFloat16)]
    [InlineData(17, 256, 8, 0.5, DType.Float32)]
    [InlineData(260, 384, 64, 0.05, DType.BFloat16)]
    [InlineData(30, 512, 300, 0.05, DType.Float16)]
    [InlineData(40, 128, 0, 0, DType.Float32)]
    public void Outputs_and_all_gradients_are_those_of_the_formula(int tokens, int depth, int rank, double dropout, DType rounding)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var model = new Branches([70, 130, 33], depth, rank, dropout);
        var (x, cotangents) = (Random(1, tokens, depth), model.Widths.Select(width => (Tensor?)Random(1, tokens, width)).ToArray());

        var results = TiledLinear.Forward(x, model.Layers(DType.Float32), onlyGradients: false);
        var (dx, adapters) = TiledLinear.Backward(x, model.Layers(rounding), [.. results.Select(result => result.Middle)], cotangents, true);

        var expected = Tensor.Zeros(x.Shape, DType.Float32, Device.Cpu);
        for (var i = 0; i < model.Widths.Length; i++)
        {
            var (layer, dy) = (model.Layers(DType.Float32)[i], cotangents[i]!);
            var y = x.MatMul(model.Weight(i, DType.Float32).Transpose(0, 1)) + layer.Bias!;
            expected += dy.MatMul(model.Weight(i, rounding));
            if (layer.Adapter is { } adapter)
            {
                var low = Dropped(x, adapter).MatMul(adapter.Down.Transpose(0, 1)) * adapter.Scale;
                var dLow = dy.MatMul(adapter.Up) * adapter.Scale;
                y += low.MatMul(adapter.Up.Transpose(0, 1));
                expected += Dropped(dLow.MatMul(adapter.Down), adapter);
                Close.Assert(dLow.Transpose(0, 1).MatMul(Dropped(x, adapter)), adapters[i].Down!, GradientTolerance, $"A {i}");
                Close.Assert(dy.Transpose(0, 1).MatMul(low), adapters[i].Up!, GradientTolerance, $"B {i}");
            }

            Close.Assert(y, results[i].Output, Tolerance, $"output {i}");
        }

        Close.Assert(expected, dx!, Tolerance, "dx");
    }

    [Theory]
    [InlineData(1, 33, 5)]
    [InlineData(24, 256, 700)]
    [InlineData(300, 704, 256)]
    [InlineData(530, 100, 401)]
    public void Weights_and_biases_that_train_get_their_gradients(int tokens, int depth, int width)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        var (x, first, second) = (Random(1, tokens, depth), Random(0.1, width, depth), Random(0.1, 40, depth));
        var (bias, dy, dz) = (Random(1, width), Random(1, tokens, width), Random(1, tokens, 40));
        TiledLayer[] layers =
        [
            new(StoredMatrix.Of(first)!, bias, null) { WeightLearns = true, BiasLearns = true },
            new(StoredMatrix.Of(second)!, null, new TiledAdapter(Random(0.1, 3, depth), Random(0.1, 40, 3), 1, 0, default, 0)) { WeightLearns = true },
        ];

        KernelCheck.SameEverywhere(() =>
        {
            using var inner = TensorScope.Enter();
            var results = TiledLinear.Forward(x, layers, onlyGradients: false);
            var (dx, gradients) = TiledLinear.Backward(x, layers, [.. results.Select(result => result.Middle)], [dy, dz], true);
            var low = layers[1].Adapter!.Up.MatMul(layers[1].Adapter!.Down);
            Close.Assert(x.MatMul(first.Transpose(0, 1)) + bias, results[0].Output, Tolerance, "output");
            Close.Assert(dy.Transpose(0, 1).MatMul(x), gradients[0].Weight!, GradientTolerance, "weight");
            Close.Assert(dy.Sum(0, keepDimension: false), gradients[0].Bias!, GradientTolerance, "bias");
            Close.Assert(dz.Transpose(0, 1).MatMul(x), gradients[1].Weight!, GradientTolerance, "weight beside an adapter");
            Close.Assert(dy.MatMul(first) + dz.MatMul(second + low), dx!, 5 * Tolerance, "dx");
            Assert.Null(gradients[1].Bias);
            return [.. dx!.ToArray<float>(), .. gradients[0].Weight!.ToArray<float>(), .. gradients[0].Bias!.ToArray<float>()];
        });
    }

    [Fact]
    public void A_pass_for_gradients_alone_multiplies_no_weight_and_keeps_what_they_need()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var model = new Branches([70, 130], 384, 5, 0.3);
        var x = Random(1, 50, 384);
        Tensor[] dy = [Random(1, 50, 70), Random(1, 50, 130)];
        var layers = model.Layers(DType.BFloat16);

        var (whole, again) = (TiledLinear.Forward(x, layers, onlyGradients: false), TiledLinear.Forward(x, layers, onlyGradients: true));

        Assert.All(again, result => Assert.All(result.Output.ToArray<float>(), value => Assert.Equal(0, value)));
        Assert.All(whole.Zip(again), pair => Assert.Equal(pair.First.Output.Shape.ToArray(), pair.Second.Output.Shape.ToArray()));
        Assert.Equal(Gradients(whole), Gradients(again));

        float[] Gradients((Tensor Output, Tensor? Middle)[] results)
        {
            var (dx, adapters) = TiledLinear.Backward(x, layers, [.. results.Select(result => result.Middle)], [.. dy], true);
            return [.. dx!.ToArray<float>(), .. adapters.SelectMany(adapter => (float[])[.. adapter.Down!.ToArray<float>(), .. adapter.Up!.ToArray<float>()])];
        }
    }

    [Fact]
    public void Every_level_and_any_number_of_threads_give_the_same_bits()
    {
        using var scope = TensorScope.Enter();
        using var model = new Branches([70, 130], 384, 5, 0.3);
        var (x, dy) = (Random(1, 50, 384), Random(1, 50, 130));
        var layers = model.Layers(DType.BFloat16);

        KernelCheck.SameEverywhere(() =>
        {
            using var inner = TensorScope.Enter();
            var results = TiledLinear.Forward(x, layers, onlyGradients: false);
            var (dx, adapters) = TiledLinear.Backward(x, layers, [.. results.Select(result => result.Middle)], [null, dy], true);
            Assert.Null(adapters[0].Down);
            return
            [
                .. results.SelectMany(result => result.Output.ToArray<float>()), .. dx!.ToArray<float>(),
                .. adapters[1].Down!.ToArray<float>(), .. adapters[1].Up!.ToArray<float>(),
            ];
        });
    }

    [Fact]
    public void The_result_of_a_token_does_not_depend_on_the_tokens_beside_it()
    {
        using var scope = TensorScope.Enter();
        using var model = new Branches([33], 128, 4, 0.1);
        var layers = model.Layers(DType.Float32);
        var (x, dy) = (Random(1, 1700, 128), Random(1, 1700, 33));

        var (output, dx) = Run(x, dy);
        var (part, partDx) = Run(x.Narrow(0, 0, 20).Contiguous(), dy.Narrow(0, 0, 20).Contiguous());

        KernelCheck.EqualBits(output.AsSpan(0, 20 * 33), part, "output");
        KernelCheck.EqualBits(dx.AsSpan(0, 20 * 128), partDx, "dx");

        (float[] Output, float[] InputGradient) Run(Tensor input, Tensor gradient)
        {
            var result = TiledLinear.Forward(input, layers, onlyGradients: false)[0];
            var (inputGradient, _) = TiledLinear.Backward(input, layers, [result.Middle], [gradient], true);
            return (result.Output.ToArray<float>(), inputGradient!.ToArray<float>());
        }
    }

    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    [InlineData(DType.Float16)]
    public void A_dense_matrix_is_read_in_its_stored_type(DType stored)
    {
        using var scope = TensorScope.Enter();
        var (x, weight, dy) = (Random(1, 20, 128), Random(1, 50, 128).To(stored), Random(1, 20, 50));
        var wide = weight.To(DType.Float32);
        TiledLayer[] layers = [new(StoredMatrix.Of(weight)!, null, null)];

        Close.Assert(x.MatMul(wide.Transpose(0, 1)), TiledLinear.Forward(x, layers, onlyGradients: false)[0].Output, Tolerance, "output");
        Close.Assert(dy.MatMul(wide), TiledLinear.Backward(x, layers, [null], [dy], true).Input!, Tolerance, "dx");
    }

    [Fact]
    public void Gradients_that_nobody_wants_are_not_computed()
    {
        using var scope = TensorScope.Enter();
        using var model = new Branches([16, 32], 128, 4, 0);
        var x = Random(1, 3, 128);
        var layers = model.Layers(DType.Float32);
        var middles = TiledLinear.Forward(x, layers, onlyGradients: false).Select(result => result.Middle).ToArray();

        var (input, adapters) = TiledLinear.Backward(x, layers, middles, [null, Random(1, 3, 32)], needsInput: false);
        var (none, nothing) = TiledLinear.Backward(x, layers, middles, [null, null], needsInput: true);

        Assert.Null(input);
        Assert.Equal(default, adapters[0]);
        Assert.NotNull(adapters[1].Down);
        Assert.Null(adapters[1].Weight);
        Assert.Null(none);
        Assert.All(nothing, gradients => Assert.Equal(default, gradients));
    }

    [Fact]
    public void Tiles_are_declined_where_they_cannot_compute()
    {
        using var scope = TensorScope.Enter();
        Assert.False(TiledLinear.CanApply(Random(1, 4, 100), drops: true));
        Assert.True(TiledLinear.CanApply(Random(1, 4, 100), drops: false));
        Assert.False(TiledLinear.CanApply(Random(1, 4, 128).To(DType.BFloat16), drops: false));
        Assert.False(TiledLinear.CanApply(Random(1, 2, 2, 128), drops: false));
        using (KernelLevels.Force(KernelLevel.Scalar))
        {
            Assert.False(TiledLinear.CanApply(Random(1, 4, 128), drops: true));
        }

        using (KernelLevels.Force(KernelLevel.Vector256))
        {
            Assert.True(TiledLinear.CanApply(Random(1, 4, 128), drops: true));
        }

        Assert.Null(StoredMatrix.Of(Random(1, 8, 6).Transpose(0, 1)));
        Assert.Null(StoredMatrix.Of(Random(1, 8, 6).To(DType.Int32)));
        using var one = FourBitTensor.Quantize(Random(1, 128), FourBitKind.Nf4, isDouble: false);
        Assert.Null(StoredMatrix.Of(one, DType.Float32));
    }

    private static Tensor Random(double size, params long[] shape) => Tensor.Empty(shape, DType.Float32, Device.Cpu).UniformInPlace(-size, size);

    private static Tensor Dropped(Tensor x, TiledAdapter adapter) =>
        adapter.DropoutProbability > 0 ? Functional.Dropout(x, adapter.DropoutProbability, s_key, adapter.Site) : x;

    /// <summary>Layers in 4 bits with biases and, for a rank above 0, adapters.</summary>
    private sealed class Branches : IDisposable
    {
        private readonly FourBitTensor[] _weights;
        private readonly Tensor[] _biases;
        private readonly TiledAdapter?[] _adapters;

        public Branches(long[] widths, long depth, int rank, double dropout)
        {
            Widths = widths;
            _weights = Array.ConvertAll(widths, width => FourBitTensor.Quantize(Random(0.1, width, depth), FourBitKind.Nf4, isDouble: true));
            _biases = Array.ConvertAll(widths, width => Random(1, width));
            _adapters = [.. widths.Select((width, i) => rank > 0
                ? new TiledAdapter(Random(0.1, rank, depth), Random(0.1, width, rank), 1.7, dropout, s_key, i + 3)
                : null)];
        }

        public long[] Widths { get; }

        public TiledLayer[] Layers(DType rounding) =>
            [.. Widths.Select((_, i) => new TiledLayer(StoredMatrix.Of(_weights[i], rounding)!, _biases[i], _adapters[i]))];

        public Tensor Weight(int index, DType rounding) => _weights[index].Dequantize(rounding).To(DType.Float32);

        public void Dispose()
        {
            foreach (var weight in _weights)
            {
                weight.Dispose();
            }
        }
    }
}
