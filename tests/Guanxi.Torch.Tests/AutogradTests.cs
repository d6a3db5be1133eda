using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Torch.Tests;

public sealed class AutogradTests
{
    [Fact]
    public void Gradients_flow_through_boxed_operators()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var x = Leaf(1, 2, 3);

        (x * x).Sum().Backward();

        Assert.Equal([2f, 4f, 6f], x.Grad!.ToArray<float>());
    }

    [Fact]
    public void A_recorded_function_runs_its_own_backward_inside_a_graph()
    {
        using var leaks = new LeakCheck();
        using (var scope = TensorScope.Enter())
        {
            var x = Leaf(1, 2, 3);
            var y = CubeOf(x + 1) * 2;

            y.Sum().Backward();

            Assert.Equal([24f, 54f, 96f], x.Grad!.ToArray<float>());
        }
    }

    [Fact]
    public void A_graph_that_is_dropped_without_a_backward_pass_frees_what_it_saved()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        _ = CubeOf(Leaf(1, 2, 3));
    }

    [Fact]
    public void An_exception_in_a_backward_callback_arrives_as_a_torch_exception()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var x = Leaf(1);
        var y = Autograd.Record(x.Detach() * 2, [x], [], (_, _) => throw new InvalidOperationException("the reason"));

        var error = Assert.Throws<TorchException>(() => y.Sum().Backward());

        Assert.Contains("the reason", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_watch_tells_of_every_gradient_while_the_pass_goes_on_and_of_none_after_its_end()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var (x, w) = (Leaf(1), Leaf(1));
        var told = new List<string>();
        var inner = Autograd.Record(x.Detach() * 2, [x], [], (gradient, _) =>
        {
            told.Add("the inner function");
            return [gradient * 2];
        });
        using (new GradientWatch(x, () => told.Add($"x {x.Grad!.ToArray<float>()[0]}")))
        using (new GradientWatch(w, () => told.Add($"w {w.Grad!.ToArray<float>()[0]}")))
        {
            (inner * w).Sum().Backward();
            (x * 3).Sum().Backward();
        }

        (x + w).Sum().Backward();

        Assert.Equal([$"w {2 * x.ToArray<float>()[0]}", "the inner function", $"x {2 * w.ToArray<float>()[0]}", $"x {(2 * w.ToArray<float>()[0]) + 3}"], told);
        Assert.Throws<TorchException>(() => new GradientWatch(x.Detach(), () => { }));
    }

    [Fact]
    public void Nothing_is_recorded_without_grad()
    {
        using var scope = TensorScope.Enter();
        var x = Leaf(1);
        using (Autograd.NoGrad())
        {
            Assert.False(CubeOf(x).RequiresGrad);
        }

        Assert.True(CubeOf(x).RequiresGrad);
    }

    [Fact]
    public void A_backward_callback_may_run_a_backward_pass_of_its_own()
    {
        // What gradient checkpointing does: the forward is run again inside the backward.
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var x = Leaf(1, 2, 3);
        Tensor value;
        using (Autograd.NoGrad())
        {
            value = x * x * x;
        }

        var y = Autograd.Record(value, [x], [x], (gradient, saved) =>
        {
            using var mode = Autograd.WithGrad();
            var again = saved[0].Detach();
            again.RequiresGrad = true;
            Autograd.Backward([again * again * again], [gradient]);
            return [again.Grad];
        });

        y.Sum().Backward();

        Assert.Equal([3f, 12f, 27f], x.Grad!.ToArray<float>());
    }

    [Fact]
    public void A_recorded_function_of_several_outputs_gets_the_gradients_that_flowed_and_null_for_the_rest()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var x = Tensor.From<float>([1, 2], 2);
        x.RequiresGrad = true;
        var seen = new List<bool>();
        var outputs = Autograd.Record([x.Detach() * 2.0, x.Detach() * 3.0, x.Detach() * 5.0], [x], [], (gradients, _) =>
        {
            seen.AddRange(gradients.Select(gradient => gradient is not null));
            return [(gradients[0]! * 2.0) + (gradients[2]! * 5.0)];
        });

        (outputs[0] + outputs[2]).Sum().Backward();

        Assert.Equal([true, false, true], seen);
        Assert.Equal([7f, 7f], x.Grad!.ToArray<float>());
    }

    [Fact]
    public void A_disposed_tensor_is_refused_and_leaves_nothing_behind()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var (x, saved, gone) = (Leaf(1, 2), Leaf(3), Leaf(4));
        gone.Dispose();
        var value = x.Detach();

        Assert.Throws<ObjectDisposedException>(() => Autograd.Record(value, [x, gone], [saved], (gradient, _) => [gradient, null]));
        Assert.Throws<ObjectDisposedException>(() => Autograd.Record(gone, [x], [saved], (gradient, _) => [gradient]));
        Assert.Throws<ObjectDisposedException>(() => Autograd.Record(value, [x], [saved, gone], (gradient, _) => [gradient]));
    }

    [Fact]
    public void What_was_not_saved_is_null_in_the_backward_pass()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var x = Leaf(1, 2);
        var y = Autograd.Record(x.Detach(), [x], [null, x], (gradient, saved) => [saved[0] is null ? gradient * saved[1] : null]);
        y.Sum().Backward();
        Assert.Equal([1f, 2f], x.Grad!.ToArray<float>());
    }

    private static Tensor Leaf(params float[] values)
    {
        var tensor = Tensor.From<float>(values, values.Length);
        tensor.RequiresGrad = true;
        return tensor;
    }

    private static Tensor CubeOf(Tensor x)
    {
        Tensor value;
        using (Autograd.NoGrad())
        {
            value = x * x * x;
        }

        return Autograd.Record(value, [x], [x], (gradient, saved) => [gradient * saved[0] * saved[0] * 3]);
    }
}
