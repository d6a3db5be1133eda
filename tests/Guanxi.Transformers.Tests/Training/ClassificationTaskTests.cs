using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>What a classifier's loss is.</summary>
public sealed class ClassificationTaskTests
{
    private static readonly float[][] s_logits = [[1, 2, -1], [0, 0.5f, 3], [-2, 1, 1]];
    private static readonly int[] s_classes = [1, 0, 2];

    [Fact]
    public void The_loss_is_the_cross_entropy_of_the_rows_asked_for() =>
        Assert.Equal(-Log(2, s_classes[2]) - Log(0, s_classes[0]), Loss(null, [2, 0]), 1e-5);

    [Fact]
    public void A_teacher_has_its_share_of_the_target()
    {
        float[][] taught = [[0.2f, 0.7f, 0.1f], [0.5f, 0.25f, 0.25f], [0, 0, 1]];
        var expected = new[] { 1, 0 }.Sum(row => (-0.7 * Log(row, s_classes[row])) - (0.3 * taught[row].Index().Sum(item => item.Item * Log(row, item.Index))));

        Assert.Equal(expected, Loss(new Teacher(taught, 0.3), [1, 0]), 1e-5);
    }

    [Fact]
    public void The_gradient_is_the_probability_less_the_target()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        float[][] taught = [[0.2f, 0.7f, 0.1f], [0.5f, 0.25f, 0.25f], [0, 0, 1]];
        using var mode = Autograd.WithGrad();
        var leaf = Tensor.From<float>([.. s_logits.SelectMany(row => row)], 3, 3);
        leaf.RequiresGrad = true;
        var task = new ClassificationTask(new Rows(leaf), s_classes, labelSmoothing: 0.2) { Teacher = new Teacher(taught, 0.3) };

        Autograd.Backward([task.Batch([0, 1, 2], default).LossSum(ForwardContext.Evaluate32)], [null]);

        var expected = from row in Enumerable.Range(0, 3)
                       from label in Enumerable.Range(0, 3)
                       let ofClass = (label == s_classes[row] ? 0.8 : 0) + (0.2 / 3)
                       select (float)(Math.Exp(Log(row, label)) - (0.7 * ofClass) - (0.3 * taught[row][label]));
        Close.Assert([.. expected], leaf.Grad!.ToArray<float>(), 1e-6, "gradient");
    }

    private static double Loss(Teacher? teacher, int[] rows)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var task = new ClassificationTask(new Rows(), s_classes, labelSmoothing: 0) { Teacher = teacher };
        return task.Batch(rows, default).LossSum(ForwardContext.Evaluate32).ToArray<float>()[0];
    }

    private static double Log(int row, int label) => s_logits[row][label] - Math.Log(s_logits[row].Sum(value => Math.Exp(value)));

    private sealed class Rows(Tensor? all = null) : IClassifiedRows
    {
        public int Count => s_logits.Length;

        public int LengthOf(int row) => 1;

        public Tensor Logits(IReadOnlyList<int> rows, ForwardContext context) =>
            all ?? Tensor.From<float>([.. rows.SelectMany(row => s_logits[row])], rows.Count, 3);
    }
}
