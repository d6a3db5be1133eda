using Guanxi.TestKit;
using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Products;
using Guanxi.Torch.Tests.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests;

/// <summary>Layers over a few tokens against libtorch's product with the same weights in Float32.</summary>
[Collection(KernelCheck.Collection)]
public sealed class FewTokenLinearTests
{
    // Sums of up to 700 products of size a tenth, in another order and with one rounding an addition.
    private const double Tolerance = 2e-5;

    public static IEnumerable<object[]> Cases() =>
    [
        .. StoredWeight.Cases(StoredWeight.DenseForms, (1, 1), (37, 193), (130, 64), (5, 700)),
        .. StoredWeight.Cases(StoredWeight.FourBitForms, (37, 64), (130, 640), (7, 33), (21, 101)),
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_stored_form_gives_the_plain_product_for_any_number_of_tokens(string form, int rows, int columns)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var weight = new StoredWeight(form, rows, columns);
        var bias = StoredWeight.Random(1, rows);
        for (var tokens = 1; tokens <= 17; tokens++)
        {
            var x = StoredWeight.Random(1, tokens, columns);
            var output = FewTokenLinear.Forward(x, [new TiledLayer(weight.Stored, bias, null)])[0];
            Close.Assert(x.MatMul(weight.Plain.Transpose(0, 1)) + bias, output, Tolerance, $"{form}, {tokens} tokens");
        }
    }

    [Theory]
    [InlineData("fp32", 70)]
    [InlineData("bf16", 200)]
    [InlineData("fp16", 130)]
    [InlineData("int8", 129)]
    [InlineData("nf4", 192)]
    [InlineData("nf4-double", 128)]
    [InlineData("nf4-bf16", 192)]
    [InlineData("nf4-fp16", 128)]
    [InlineData("nf4", 77)]
    public void Every_level_and_any_number_of_threads_give_the_same_bits(string form, int columns)
    {
        using var scope = TensorScope.Enter();
        using var weight = new StoredWeight(form, 301, columns);
        foreach (var tokens in (int[])[1, 2, 3, 6])
        {
            var x = StoredWeight.Random(1, tokens, columns);
            KernelCheck.SameEverywhere(() =>
            {
                using var inner = TensorScope.Enter();
                return FewTokenLinear.Forward(x, [new TiledLayer(weight.Stored, null, null)])[0].ToArray<float>();
            });
        }
    }

    [Fact]
    public void The_result_of_a_token_does_not_depend_on_the_tokens_beside_it()
    {
        using var scope = TensorScope.Enter();
        using var weight = new StoredWeight("nf4", 50, 1280);
        TiledLayer[] layers = [new(weight.Stored, null, null)];
        var x = StoredWeight.Random(1, 9, 1280);
        var all = FewTokenLinear.Forward(x, layers)[0].ToArray<float>();
        foreach (var count in (int[])[1, 2, 4])
        {
            var part = FewTokenLinear.Forward(x.Narrow(0, 0, count).Contiguous(), layers)[0].ToArray<float>();
            KernelCheck.EqualBits(all.AsSpan(0, count * 50), part, $"{count} tokens");
        }
    }

    [Fact]
    public void Layers_of_different_forms_share_an_input_and_have_adapters()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var first = new StoredWeight("nf4", 33, 192);
        using var second = new StoredWeight("bf16", 70, 192);
        using var third = new StoredWeight("nf4-double", 20, 192);
        var adapter = new TiledAdapter(StoredWeight.Random(0.1, 5, 192), StoredWeight.Random(0.1, 70, 5), 1.7, 0.5, default, 0);
        var (x, bias) = (StoredWeight.Random(1, 3, 192), StoredWeight.Random(1, 33));

        var outputs = FewTokenLinear.Forward(x, [new(first.Stored, bias, null), new(second.Stored, null, adapter), new(third.Stored, null, null)]);

        Close.Assert(x.MatMul(first.Plain.Transpose(0, 1)) + bias, outputs[0], Tolerance, "with a bias");
        var low = x.MatMul(adapter.Down.Transpose(0, 1)) * adapter.Scale;
        Close.Assert(x.MatMul(second.Plain.Transpose(0, 1)) + low.MatMul(adapter.Up.Transpose(0, 1)), outputs[1], Tolerance, "with an adapter");
        Close.Assert(x.MatMul(third.Plain.Transpose(0, 1)), outputs[2], Tolerance, "plain");
    }

    [Theory]
    [InlineData("fp32")]
    [InlineData("bf16")]
    [InlineData("fp16")]
    public void What_is_not_finite_stays_in_its_row_and_comes_through(string form)
    {
        using var scope = TensorScope.Enter();
        var plain = StoredWeight.Random(0.1, 6, 70);
        plain.Select(0, 1).Narrow(0, 3, 1).CopyInPlace(Tensor.From([float.NaN], 1));
        plain.Select(0, 2).Narrow(0, 69, 1).CopyInPlace(Tensor.From([float.PositiveInfinity], 1));
        plain.Select(0, 4).Narrow(0, 0, 1).CopyInPlace(Tensor.From([float.NegativeInfinity], 1));
        using var weight = new StoredWeight(form, plain);
        var x = Tensor.Full([2, 70], 1, DType.Float32, Device.Cpu);

        var output = FewTokenLinear.Forward(x, [new(weight.Stored, null, null)])[0].ToArray<float>();

        foreach (var token in (int[])[0, 6])
        {
            Assert.True(float.IsNaN(output[token + 1]));
            Assert.Equal(float.PositiveInfinity, output[token + 2]);
            Assert.Equal(float.NegativeInfinity, output[token + 4]);
            Assert.All((int[])[0, 3, 5], row => Assert.True(float.IsFinite(output[token + row])));
        }

        x.Select(0, 1).Narrow(0, 69, 1).CopyInPlace(Tensor.From([float.NaN], 1));
        output = FewTokenLinear.Forward(x, [new(weight.Stored, null, null)])[0].ToArray<float>();
        Assert.True(float.IsFinite(output[0]));
        Assert.All(output[6..], value => Assert.True(float.IsNaN(value)));
    }

    [Fact]
    public void Activations_in_bf16_give_results_in_bf16()
    {
        using var scope = TensorScope.Enter();
        using var weight = new StoredWeight("nf4-bf16", 40, 128);
        var x = StoredWeight.Random(1, 2, 128).To(DType.BFloat16);

        var output = FewTokenLinear.Forward(x, [new(weight.Stored, null, null)])[0];

        Assert.Equal(DType.BFloat16, output.DType);
        // Half a unit in the last place of numbers up to two.
        Close.Assert(x.To(DType.Float32).MatMul(weight.Plain.Transpose(0, 1)), output.To(DType.Float32), 0.004, "output");
    }

    [Fact]
    public void Many_tokens_and_other_types_are_declined()
    {
        using var scope = TensorScope.Enter();
        Assert.True(FewTokenLinear.CanApply(StoredWeight.Random(1, FewTokenLinear.FewTokens, 128)));
        Assert.False(FewTokenLinear.CanApply(StoredWeight.Random(1, FewTokenLinear.FewTokens + 1, 128)));
        Assert.False(FewTokenLinear.CanApply(StoredWeight.Random(1, FewTokenLinear.MostTokens, 128)));
        var most = PairTile.IsSupported ? FewTokenLinear.FewPairedTokens : FewTokenLinear.MostTokens;
        Assert.True(FewTokenLinear.CanApply(StoredWeight.Random(1, most, 128).To(DType.BFloat16)));
        Assert.False(FewTokenLinear.CanApply(StoredWeight.Random(1, most + 1, 128).To(DType.BFloat16)));
        Assert.False(FewTokenLinear.CanApply(StoredWeight.Random(1, 1, 2, 128)));
        Assert.False(FewTokenLinear.CanApply(StoredWeight.Random(1, 2, 128).To(DType.Float64)));
        Assert.Null(StoredMatrix.Of(StoredWeight.Random(1, 2, 128), StoredWeight.Random(1, 2)));
        var codes = Tensor.Zeros([2, 128], DType.Int8, Device.Cpu);
        Assert.NotNull(StoredMatrix.Of(codes, StoredWeight.Random(1, 2)));
        Assert.Null(StoredMatrix.Of(codes, StoredWeight.Random(1, 1)));
    }
}
