using Guanxi.Torch;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Models;

/// <summary>Two half-open ranges of a row's tokens.</summary>
/// <param name="First">The first range, counted from the row's first token.</param>
/// <param name="Second">The second range; it may lie anywhere, also inside the first.</param>
public sealed record SpanPair((int Start, int End) First, (int Start, int End) Second);

/// <summary>R-BERT's head (Wu and He 2019, arXiv 1905.08284, section 3.2).</summary>
/// <remarks>
/// As in the published code, of which the names are: dropout, tanh and a linear layer over the pooled state and over each span's average, the spans
/// sharing theirs; then dropout and a linear layer over all three, one behind the other.
/// </remarks>
internal sealed class EntityPairHead : Module
{
    private readonly EncoderConfig _config;
    private readonly Linear _first;
    private readonly Linear _entity;
    private readonly Linear _classifier;

    public EntityPairHead(EncoderConfig config, WeightSource source)
    {
        _config = config;
        _first = Part("cls_fc_layer.linear", config.HiddenSize, config.HiddenSize);
        _entity = Part("entity_fc_layer.linear", config.HiddenSize, config.HiddenSize);
        _classifier = Part("label_classifier.linear", config.Labels.Count, 3 * config.HiddenSize);

        // The published code leaves these layers as torch makes them, which is wider than the encoder's own start.
        Linear Part(string path, int outputSize, int inputSize)
        {
            var start = WeightStart.ByInputs(inputSize);
            return Register(path, new Linear(
                new DenseWeight(source.Parameter($"{path}.weight", start, outputSize, inputSize)), source.Parameter($"{path}.bias", start, outputSize)));
        }
    }

    /// <summary>Whether a tensor of a checkpoint belongs to such a head.</summary>
    public static bool Owns(string name) =>
        name.StartsWith("cls_fc_layer.", StringComparison.Ordinal)
        || name.StartsWith("entity_fc_layer.", StringComparison.Ordinal)
        || name.StartsWith("label_classifier.", StringComparison.Ordinal);

    internal Tensor Forward(Tensor start, Tensor first, Tensor second, ForwardContext context)
    {
        using var scope = TensorScope.Enter();
        Tensor[] parts =
        [
            Layer(_first, start, DropoutSites.PairStart), Layer(_entity, first, DropoutSites.PairFirst),
            Layer(_entity, second, DropoutSites.PairSecond),
        ];
        var joined = Tensor.Cat(parts, 1); // [B, 3C]
        return scope.Keep(_classifier.Forward(Drop(joined, DropoutSites.PairClassifier), context));

        Tensor Layer(Linear layer, Tensor x, int site) => layer.Forward(Drop(x, site).Tanh(), context);

        Tensor Drop(Tensor x, int site) => Encoder.Drop(x, _config.ClassifierDropout, context, site);
    }
}

/// <summary>Where the spans of a batch are among the tokens whose states are computed: first tokens and those in spans.</summary>
internal sealed class SpanPlaces
{
    private readonly Dictionary<int, int> _placeOf;
    private readonly (int Start, int End)[][] _spans;

    /// <summary>Finds the tokens.</summary>
    /// <exception cref="ArgumentException">There is not a pair a row, or a span is not of its row.</exception>
    public SpanPlaces(SequenceLayout layout, IReadOnlyList<SpanPair> spans)
    {
        if (spans.Count != layout.RowCount)
        {
            throw new ArgumentException($"{spans.Count} pairs of spans for {layout.RowCount} rows", nameof(spans));
        }

        for (var row = 0; row < spans.Count; row++)
        {
            foreach (var (start, end) in new[] { spans[row].First, spans[row].Second })
            {
                if (start < 0 || start > end || end > layout.RowLength(row))
                {
                    throw new ArgumentException($"row {row} has {layout.RowLength(row)} tokens, but a span from {start} to {end}", nameof(spans));
                }
            }
        }

        _spans =
        [
            [.. spans.Select((pair, row) => (layout.RowStarts[row] + pair.First.Start, layout.RowStarts[row] + pair.First.End))],
            [.. spans.Select((pair, row) => (layout.RowStarts[row] + pair.Second.Start, layout.RowStarts[row] + pair.Second.End))],
        ];
        var inside = _spans.SelectMany(of => of).SelectMany(span => Enumerable.Range(span.Start, span.End - span.Start));
        Asked = [.. layout.RowStarts.SkipLast(1).Concat(inside).Distinct().Order()];
        _placeOf = Asked.Index().ToDictionary(item => item.Item, item => item.Index);
    }

    /// <summary>Indices of all tokens whose states are needed, ascending.</summary>
    public int[] Asked { get; }

    /// <summary>Places of tokens among <see cref="Asked"/>.</summary>
    public Tensor IndicesOf(IEnumerable<int> tokens, Device device)
    {
        long[] places = [.. tokens.Select(token => (long)_placeOf[token])];
        return Tensor.From<long>(places, places.Length).ToDevice(device);
    }

    /// <summary>The mean state of one span a row; zeros where it is empty.</summary>
    /// <param name="hidden">[M, C], the states of <see cref="Asked"/>.</param>
    /// <param name="which">0 for the first spans, 1 for the second.</param>
    /// <returns>[B, C], of the type of <paramref name="hidden"/>.</returns>
    public Tensor Averages(Tensor hidden, int which)
    {
        using var scope = TensorScope.Enter();
        var spans = _spans[which];
        var members = new float[spans.Length * Asked.Length];
        var counts = new float[spans.Length];
        for (var row = 0; row < spans.Length; row++)
        {
            counts[row] = Math.Max(1, spans[row].End - spans[row].Start);
            for (var token = spans[row].Start; token < spans[row].End; token++)
            {
                members[(row * Asked.Length) + _placeOf[token]] = 1;
            }
        }

        // Ones are exact in every type; the division by the count is the only rounding beside that of the product.
        var chosen = Tensor.From<float>(members, spans.Length, Asked.Length).To(hidden.DType).ToDevice(hidden.Device);
        var sums = chosen.MatrixProduct(hidden); // [B, C]
        return scope.Keep(sums / Tensor.From<float>(counts, spans.Length, 1).To(hidden.DType).ToDevice(hidden.Device));
    }
}
