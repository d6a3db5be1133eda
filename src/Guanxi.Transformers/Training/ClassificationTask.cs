using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Training;

/// <summary>Rows that a model has scores of classes for.</summary>
public interface IClassifiedRows
{
    /// <summary>Number of rows.</summary>
    int Count { get; }

    /// <summary>Tokens of a row.</summary>
    /// <param name="row">Index of the row.</param>
    /// <returns>Its length.</returns>
    int LengthOf(int row);

    /// <summary>Runs the model on rows.</summary>
    /// <param name="rows">Indices of the rows.</param>
    /// <param name="context">Compute type and dropout.</param>
    /// <returns>[B, K]; new, owned by the current scope.</returns>
    Tensor Logits(IReadOnlyList<int> rows, ForwardContext context);
}

/// <summary>Probabilities that another model gives, to be learnt beside the classes (Hinton, Vinyals and Dean 2015, arXiv 1503.02531, at a temperature of 1).</summary>
/// <param name="Probabilities">For every row a probability for every class.</param>
/// <param name="Share">Share of the target that they make up, from 0 to below 1.</param>
public sealed record Teacher(IReadOnlyList<float[]> Probabilities, double Share);

/// <summary>Guessing the class of every row.</summary>
public sealed class ClassificationTask : ITrainingTask
{
    private readonly IClassifiedRows _rows;
    private readonly int[] _classes;
    private readonly double _labelSmoothing;

    /// <summary>Prepares rows to learn from, or to measure.</summary>
    /// <param name="rows">The rows with their model.</param>
    /// <param name="classes">Class of every row.</param>
    /// <param name="labelSmoothing">Share of the target spread over all classes; 0 to measure.</param>
    /// <exception cref="ArgumentException">There are not as many classes as rows.</exception>
    public ClassificationTask(IClassifiedRows rows, int[] classes, double labelSmoothing)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(classes);
        (_rows, _classes, _labelSmoothing) = rows.Count == classes.Length
            ? (rows, classes, labelSmoothing)
            : throw new ArgumentException($"{classes.Length} classes for {rows.Count} rows", nameof(classes));
    }

    /// <summary>What is learnt beside the classes.</summary>
    /// <value>Null: nothing.</value>
    public Teacher? Teacher { get; init; }

    /// <inheritdoc/>
    public int RowCount => _rows.Count;

    /// <inheritdoc/>
    public int LengthOf(int row) => _rows.LengthOf(row);

    /// <inheritdoc/>
    public ITrainingBatch Batch(IReadOnlyList<int> rows, DropoutKey key)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return new ClassificationBatch(this, [.. rows]);
    }

    private sealed class ClassificationBatch(ClassificationTask task, int[] rows) : ITrainingBatch
    {
        public int TokenCount { get; } = rows.Sum(task.LengthOf);

        public int TargetCount => rows.Length;

        public Tensor LossSum(ForwardContext context)
        {
            using var scope = TensorScope.Enter();
            var logits = task._rows.Logits(rows, context); // [B, K]
            return scope.Keep(task.Teacher is { } teacher ? Distance(logits, teacher) : ToClasses(logits));
        }

        private Tensor ToClasses(Tensor logits)
        {
            long[] targets = [.. rows.Select(row => (long)task._classes[row])];
            return Functional.CrossEntropySum(logits, Tensor.From<long>(targets, targets.Length), task._labelSmoothing);
        }

        // Cross-entropy to what classes and teacher say together, summed over the rows.
        private Tensor Distance(Tensor logits, Teacher teacher)
        {
            var count = (int)logits.Size(1);
            var wanted = new float[rows.Length * count]; // [B, K]
            for (var at = 0; at < wanted.Length; at++)
            {
                var (row, label) = (rows[at / count], at % count);
                var ofClass = (label == task._classes[row] ? 1 - task._labelSmoothing : 0) + (task._labelSmoothing / count);
                wanted[at] = (float)(((1 - teacher.Share) * ofClass) + (teacher.Share * teacher.Probabilities[row][label]));
            }

            var target = Tensor.From<float>(wanted, rows.Length, count).ToDevice(logits.Device);
            return (logits.To(DType.Float32).LogSoftmax(1) * target).Sum() * -1;
        }
    }
}
