using Guanxi.Torch;
using Guanxi.Transformers;

namespace Guanxi.Relations.Encoders;

/// <summary>Classifies with a model that stands on an encoder.</summary>
/// <param name="model">The model.</param>
/// <param name="schema">Its labels, in the order of its classes.</param>
/// <param name="ownsModel">Whether the model is released with the classifier.</param>
internal sealed class PairClassifier(PairModel model, RelationSchema schema, bool ownsModel) : IRelationClassifier
{
    private const int RowsAtOnce = 32;

    private readonly Lock _gate = new();

    /// <summary>Makes a classifier that owns its model.</summary>
    public PairClassifier(PairModel model, RelationSchema schema)
        : this(model, schema, ownsModel: true)
    {
    }

    /// <inheritdoc/>
    public RelationSchema Schema => schema;

    /// <summary>The linear baseline that has a share in every answer; null: the model answers alone.</summary>
    public LinearPart? Linear { get; init; }

    /// <inheritdoc/>
    /// <remarks>Rows of like length run together, so that what a row gets hardly depends on the others: batches are not padded.</remarks>
    /// <exception cref="CheckpointException">The model's output is not a number.</exception>
    public IReadOnlyList<ClassifiedRow> Classify(IReadOnlyList<RelationExample> examples)
    {
        var outcomes = new ClassifiedRow[examples.Count];
        EncodedPair[] rows = [.. examples.Select(model.Encode)];
        foreach (var chunk in Enumerable.Range(0, rows.Length).OrderBy(row => rows[row].Ids.Length).Chunk(RowsAtOnce))
        {
            foreach (var (row, probabilities) in chunk.Zip(Probabilities([.. chunk.Select(row => rows[row])])))
            {
                outcomes[row] = ClassifiedRow.Of(RelationPrediction.Of(schema, Linear?.Join(probabilities, examples[row]) ?? probabilities) with
                {
                    TokenCount = rows[row].Ids.Length,
                    IsTruncated = rows[row].IsCut,
                });
            }
        }

        return outcomes;
    }

    /// <summary>Releases the model, after a batch that is running.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (ownsModel)
            {
                model.Dispose();
            }
        }
    }

    private List<double[]> Probabilities(EncodedPair[] rows)
    {
        lock (_gate)
        {
            using var mode = Autograd.NoGrad();
            using var scope = TensorScope.Enter();
            var probabilities = model.Logits(rows, model.Evaluation).To(DType.Float32).Softmax(1).ToArray<float>();
            var all = probabilities.Chunk(schema.Labels.Count).Select(row => row.Select(value => (double)value).ToArray()).ToList();
            return all.TrueForAll(row => row.All(double.IsFinite))
                ? all
                : throw new CheckpointException(new Problem("model", "its scores are not numbers", "finite weights", Hint: "The training has diverged, or the weights are damaged."));
        }
    }
}
