using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Torch.Tests;

/// <summary>Operands that do not fit: the kernels read raw memory, so they must not get there.</summary>
public sealed class FunctionalArgumentTests
{
    private static readonly AdamWSettings s_settings = new(1e-3, 0.9, 0.999, 1e-8, 0, 1, 1);

    [Fact]
    public void Weights_of_norms_are_as_long_as_a_row_and_of_its_type()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var (x, right, brain) = (Zeros(3, 8), Zeros(8), Zeros(8).To(DType.BFloat16));
        foreach (var wrong in (Tensor[])[Zeros(7), Zeros(2, 4), brain, Zeros(16).AsStrided([8], [2])])
        {
            Refused("weight: expected a contiguous Float32[8] on cpu", () => Functional.RmsNorm(x, wrong, 1e-5));
            Refused("expected", () => Functional.LayerNorm(x, wrong, right, 1e-5));
            Refused("bias", () => Functional.LayerNorm(x, right, wrong, 1e-5));
        }
    }

    [Fact]
    public void Gate_and_up_are_alike()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        Refused("found a contiguous Float32[3, 7] on cpu", () => Functional.SwiGlu(Zeros(3, 8), Zeros(3, 7)));
        Refused("expected", () => Functional.SwiGlu(Zeros(3, 8), Zeros(3, 8).To(DType.Float16)));
        Assert.Equal([8L, 3L], Functional.SwiGlu(Zeros(3, 8).Transpose(0, 1), Zeros(8, 3)).Shape.ToArray());
    }

    [Fact]
    public void Rotation_needs_heads_of_the_tables_width_and_a_table_of_all_positions()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var table = new RopeTable([1f, 0.1f], 6);
        Assert.Equal([5L, 2L, 4L], Functional.Rope(Zeros(5, 2, 4), SequenceLayout.Rows([5], 1), table).Shape.ToArray());
        Refused("expected 7 positions, found 6", () => Functional.Rope(Zeros(5, 2, 4), SequenceLayout.Rows([5], 2), table));
        Refused("expected", () => Functional.Rope(Zeros(4, 2, 4), SequenceLayout.Rows([5], 0), table));
        Refused("expected", () => Functional.Rope(Zeros(5, 2, 6), SequenceLayout.Rows([5], 0), table));
        Refused("expected", () => Functional.Rope(Zeros(5, 8), SequenceLayout.Rows([5], 0), table));
        Assert.Equal((table.Cosines, table.Sines), table.On(Device.Cpu));
    }

    [Theory]
    [InlineData(14)]
    [InlineData(-1)]
    [InlineData(-100)]
    public void A_target_outside_of_the_vocabulary_is_named_with_its_row(long target)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var logits = Zeros(3, 14);
        logits.RequiresGrad = true;
        var error = Assert.Throws<TorchException>(() => Functional.CrossEntropySum(logits, Tensor.From<long>([0, 13, target], 3), 0));
        Assert.Contains("row 2: the target is outside a vocabulary of 14", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Targets_are_one_whole_number_a_row()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        Refused("expected", () => Functional.CrossEntropySum(Zeros(3, 14), Tensor.From<long>([0, 1], 2), 0));
        Refused("expected", () => Functional.CrossEntropySum(Zeros(3, 14), Tensor.From<int>([0, 1, 2], 3), 0));
        Refused("expected", () => Functional.CrossEntropySum(Zeros(3, 14), Tensor.From<long>([0, 0, 1, 1, 2, 2], 6).AsStrided([3], [2]), 0));
        Assert.Equal(3 * Math.Log(14), Functional.CrossEntropySum(Zeros(3, 14), Tensor.From<long>([0, 13, 5], 3), 0).Item(), 1e-5);
    }

    [Fact]
    public void An_update_takes_a_gradient_and_moments_like_the_parameter()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var (parameter, like) = (Zeros(4, 3), Zeros(4, 3));
        var state = EightBitState.Zeros(parameter);
        foreach (var wrong in (Tensor[])[Zeros(3, 4), Zeros(12), like.To(DType.BFloat16)])
        {
            Refused("gradient", () => Functional.AdamWUpdate(parameter, wrong, like, like, s_settings));
            Refused("expected", () => Functional.AdamWUpdate(parameter, like, wrong, like, s_settings));
            Refused("expected", () => Functional.AdamWUpdate(parameter, like, like, wrong, s_settings));
            Refused("expected", () => Functional.AdamW8BitUpdate(parameter, wrong, state, state, s_settings));
        }

        Refused("expected", () => Functional.AdamWUpdate(parameter, like, Zeros(3, 4).Transpose(0, 1), like, s_settings));
        Refused("expected", () => Functional.AdamW8BitUpdate(parameter, like, EightBitState.Zeros(Zeros(3)), state, s_settings));
        Assert.Throws<ArgumentNullException>(() => Functional.AdamWUpdate(parameter, null!, like, like, s_settings));
    }

    [Fact]
    public void An_update_leaves_no_copy_of_its_gradient_behind()
    {
        using var scope = TensorScope.Enter();
        var (parameter, first, second, gradient) = (Zeros(4, 3), Zeros(4, 3), Zeros(4, 3), Zeros(3, 4).Transpose(0, 1));
        var before = TensorStatistics.LiveTensors;
        Functional.AdamWUpdate(parameter, gradient, first, second, s_settings);
        Assert.Equal(before, TensorStatistics.LiveTensors);
    }

    private static Tensor Zeros(params ReadOnlySpan<long> shape) => Tensor.Zeros(shape, DType.Float32, Device.Cpu);

    private static void Refused(string reason, Action call) =>
        Assert.Contains(reason, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);
}
