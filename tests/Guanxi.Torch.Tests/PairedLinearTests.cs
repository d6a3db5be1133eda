using Guanxi.TestKit;
using Guanxi.Torch.Kernels;
using Guanxi.Torch.Kernels.Products;
using Guanxi.Torch.Tests.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests;

/// <summary>Layers in bfloat16 against libtorch's product in Float32 of the same rounded numbers.</summary>
[Collection(KernelCheck.Collection)]
public sealed class PairedLinearTests
{
    // Half a unit in the last place of a bfloat16 up to eight, and what the sums round in Float32.
    private const double Tolerance = 0.0157;

    // Parts of a row, of a block of rows, of a run of the depth; and rows that are no whole groups.
    public static IEnumerable<object[]> Cases() =>
        [.. StoredWeight.Cases([.. StoredWeight.DenseForms, .. StoredWeight.FourBitForms], (1, 2), (37, 194), (130, 64), (5, 1152))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_stored_form_gives_the_plain_product_for_any_number_of_tokens(string form, int rows, int columns)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var weight = new StoredWeight(form, rows, columns);
        var bias = StoredWeight.Random(1, rows);
        foreach (var tokens in (int[])[1, 2, 15, 16, 17, 32, 33, 49])
        {
            var x = Rounded(StoredWeight.Random(1, tokens, columns));

            var output = PairedLinear.Forward(x.To(DType.BFloat16), [new TiledLayer(weight.Stored, bias, null)])[0];

            Assert.Equal(DType.BFloat16, output.DType);
            Close.Assert(x.MatMul(Rounded(weight.Plain).Transpose(0, 1)) + bias, output.To(DType.Float32), Tolerance, $"{form}, {tokens} tokens");
        }
    }

    [Fact]
    public void Layers_of_different_forms_share_an_input_and_have_adapters()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var first = new StoredWeight("nf4", 33, 192);
        using var second = new StoredWeight("bf16", 70, 192);
        var adapter = new TiledAdapter(StoredWeight.Random(0.1, 6, 192), StoredWeight.Random(0.1, 70, 6), 1.7, 0.5, default, 0);
        var (x, bias) = (Rounded(StoredWeight.Random(1, 21, 192)), StoredWeight.Random(1, 33));
        TiledLayer[] layers = [new(first.Stored, bias, null), new(second.Stored, null, adapter)];

        var outputs = PairedLinear.Forward(x.To(DType.BFloat16), layers);

        Close.Assert(x.MatMul(Rounded(first.Plain).Transpose(0, 1)) + bias, outputs[0].To(DType.Float32), Tolerance, "with a bias");
        var low = Rounded(Rounded(x.MatMul(Rounded(adapter.Down).Transpose(0, 1))) * adapter.Scale);
        var expected = x.MatMul(second.Plain.Transpose(0, 1)) + low.MatMul(Rounded(adapter.Up).Transpose(0, 1));
        Close.Assert(expected, outputs[1].To(DType.Float32), Tolerance, "with an adapter");
        Assert.True(PairedLinear.CanApply(layers));
        Assert.False(PairedLinear.CanApply([new(first.Stored, null, adapter with { Down = StoredWeight.Random(1, 5, 192) })]));
    }

    [Fact]
    public void The_result_of_a_token_does_not_depend_on_the_tokens_beside_it_nor_on_the_threads()
    {
        using var scope = TensorScope.Enter();
        using var weight = new StoredWeight("nf4", 150, 1280);
        TiledLayer[] layers = [new(weight.Stored, null, null)];
        var x = StoredWeight.Random(1, 50, 1280).To(DType.BFloat16);
        var all = Values(x);

        foreach (var (first, count) in ((int, int)[])[(0, 1), (0, 16), (3, 20), (17, 33)])
        {
            KernelCheck.EqualBits(all.AsSpan(first * 150, count * 150), Values(x.Narrow(0, first, count).Contiguous()), $"{count} tokens from {first}");
        }

        KernelCheck.SameEverywhere(() =>
        {
            using var inner = TensorScope.Enter();
            return Values(x);
        });

        float[] Values(Tensor input) => PairedLinear.Forward(input, layers)[0].To(DType.Float32).ToArray<float>();
    }

    [Fact]
    public unsafe void The_processor_computes_what_the_portable_form_shows()
    {
        const int Depth = 70;
        const int Rows = 24;
        using var scope = TensorScope.Enter();
        var (left, right) = (StoredWeight.Random(1, Rows, 2 * Depth).To(DType.BFloat16), StoredWeight.Random(1, 3 * Depth, 2 * Tile.Columns).To(DType.BFloat16));
        foreach (var adds in (bool[])[false, true])
        {
            var (fast, plain) = (Tensor.Full([3, Rows, Tile.Columns], 0.5, DType.Float32, Device.Cpu), Tensor.Full([3, Rows, Tile.Columns], 0.5, DType.Float32, Device.Cpu));
            PairTile.Multiply(
                (float*)left.DataPointer(), (float*)right.DataPointer(), Depth, (float*)fast.DataPointer(), Tile.Columns, Rows * Tile.Columns, Rows, 3, adds);
            PairTile.Portable(new NativePairProduct
            {
                A = (float*)left.DataPointer(), B = (float*)right.DataPointer(), C = (float*)plain.DataPointer(), AStride = Depth, Depth = Depth,
                CStride = Tile.Columns, CPanel = Rows * Tile.Columns, Rows = Rows, Panels = 3, Adds = adds ? 1 : 0,
            });

            // Sums of 140 products up to one, rounded at other places.
            Close.Assert(plain, fast, 2e-5, $"adds: {adds}");
        }
    }

    [Fact]
    public void Other_types_and_odd_widths_are_declined()
    {
        using var scope = TensorScope.Enter();
        Assert.Equal(PairTile.IsSupported, PairedLinear.CanApply(StoredWeight.Random(1, 3, 128).To(DType.BFloat16)));
        Assert.False(PairedLinear.CanApply(StoredWeight.Random(1, 3, 127).To(DType.BFloat16)));
        Assert.False(PairedLinear.CanApply(StoredWeight.Random(1, 3, 128)));
        Assert.False(PairedLinear.CanApply(StoredWeight.Random(1, 1, 3, 128).To(DType.BFloat16)));
    }

    private static Tensor Rounded(Tensor x) => x.To(DType.BFloat16).To(DType.Float32);
}
