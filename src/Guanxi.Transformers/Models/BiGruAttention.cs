using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Models;

/// <summary>Sizes of a <see cref="BiGruAttention"/>.</summary>
/// <param name="InputSize">Width of the features.</param>
/// <param name="Classes">Number of classes.</param>
public sealed record BiGruShape(int InputSize, int Classes)
{
    /// <summary>Width of the state of one direction.</summary>
    /// <value>128.</value>
    public int HiddenSize { get; init; } = 128;

    /// <summary>Width inside the attention.</summary>
    /// <value>32.</value>
    public int AttentionSize { get; init; } = 32;
}

/// <summary>
/// A classifier of token features: a bidirectional GRU, an additive attention over its states (Yang et al. 2016, "Hierarchical Attention
/// Networks", section 2.2) and a linear layer.
/// </summary>
/// <remarks>
/// score = tanh(x W + b) · u, softmax over the row's steps, weighted sum. Dropout falls on the features. The published runs padded rows to one length and
/// let GRU and attention read the padding; give rows of that length for the same.
/// </remarks>
public sealed class BiGruAttention : Module
{
    /// <summary>Name of the file that holds the weights in a model folder.</summary>
    public const string FileName = "bigru_att.safetensors";

    // The published value.
    private const double Dropout = 0.2;

    private static readonly string[] s_gruNames = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"];

    private readonly Parameter[] _gru;
    private readonly Parameter _weight;
    private readonly Parameter _bias;
    private readonly Parameter _context;
    private readonly Linear _classifier;

    private BiGruAttention(BiGruShape shape, Func<string, long[], Parameter> parameter)
    {
        Shape = shape;
        var (hidden, attention) = (shape.HiddenSize, shape.AttentionSize);
        _gru =
        [
            .. ((string[])["", "_reverse"]).SelectMany(direction => s_gruNames.Select(name => Named(
                $"gru.{name}{direction}", name.StartsWith("bias", StringComparison.Ordinal)
                    ? [3 * hidden]
                    : [3 * hidden, name.Contains("ih", StringComparison.Ordinal) ? shape.InputSize : hidden]))),
        ];
        _weight = Named("attention_weight", [2 * hidden, attention]);
        _bias = Named("attention_bias", [attention]);
        _context = Named("attention_context", [attention]);
        _classifier = Register("classifier", new Linear(
            new DenseWeight(parameter("classifier.weight", [shape.Classes, 2 * hidden])), parameter("classifier.bias", [shape.Classes])));

        Parameter Named(string name, long[] of) => Register(name, parameter(name, of));
    }

    /// <summary>Sizes.</summary>
    public BiGruShape Shape { get; }

    /// <summary>Draws a new one as torch draws its layers: uniform within 1/sqrt(width), the attention as Glorot and Bengio 2010.</summary>
    /// <param name="shape">Sizes.</param>
    /// <param name="seed">The same seed gives the same weights.</param>
    /// <returns>The classifier, Float32 on the CPU, owned by the caller.</returns>
    public static BiGruAttention Fresh(BiGruShape shape, long seed)
    {
        ArgumentNullException.ThrowIfNull(shape);
        TorchRuntime.Seed(seed);
        return new BiGruAttention(shape, (name, size) =>
        {
            using var scope = TensorScope.Enter();
            var bound = name switch
            {
                "attention_bias" => 0,
                "attention_weight" => Math.Sqrt(6.0 / (size[0] + size[1])),
                "attention_context" => Math.Sqrt(6.0 / (size[0] + 1)),
                _ when name.StartsWith("gru", StringComparison.Ordinal) => 1 / Math.Sqrt(shape.HiddenSize),
                _ => 1 / Math.Sqrt(2.0 * shape.HiddenSize),
            };
            return new Parameter(Tensor.Zeros(size, DType.Float32, Device.Cpu).UniformInPlace(-bound, bound));
        });
    }

    /// <summary>Reads weights; their shapes say the sizes.</summary>
    /// <param name="path">A weights file with torch's names.</param>
    /// <returns>The classifier, Float32 on the CPU, owned by the caller.</returns>
    /// <exception cref="CheckpointException">The file is missing or damaged, or its tensors do not fit together.</exception>
    public static BiGruAttention Load(string path)
    {
        using var reader = CheckpointReader.Open(path);
        var weights = new CheckpointWeights(reader, new WeightLoading { StorageType = DType.Float32 });
        var (input, classifier, attention) = (ShapeOf("gru.weight_ih_l0"), ShapeOf("classifier.weight"), ShapeOf("attention_weight"));
        var shape = new BiGruShape((int)input[1], (int)classifier[0]) { HiddenSize = (int)(input[0] / 3), AttentionSize = (int)attention[1] };
        var model = new BiGruAttention(shape, (name, size) => weights.Parameter(name, WeightStart.Normal, size));
        try
        {
            weights.Finish(_ => false);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }

        long[] ShapeOf(string name) => reader.TryGet(name, out _, out var entry) && entry.Shape is [> 0, > 0] of ? of : throw new CheckpointException(new Problem(
            path, $"this is no BiGRU with attention: there is no matrix {name}", "the tensors of a run of that method"));
    }

    /// <summary>Writes the weights.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Save(string folder) => SafetensorsWriter.Write(
        Path.Combine(folder, FileName),
        NamedParameters().Select(item => TensorSource.FromTensor(item.Name, DType.Float32, item.Parameter.Value)),
        SafetensorsWriter.PyTorchMetadata);

    /// <summary>Scores of the classes of every row.</summary>
    /// <param name="features">[N, in], rows end to end, Float32.</param>
    /// <param name="layout">Where the rows begin; none may be empty.</param>
    /// <param name="dropout">Where the mask of the dropout comes from; null for none.</param>
    /// <returns>[B, K], Float32.</returns>
    public Tensor Classify(Tensor features, SequenceLayout layout, DropoutKey? dropout)
    {
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(layout);
        using var scope = TensorScope.Enter();
        var read = dropout is { } key ? Functional.Dropout(features, Dropout, key, DropoutSites.GruFeatures) : features;
        var states = Functional.BidirectionalGru(read, layout, [.. _gru.Select(weight => weight.Value)]); // [N, 2H]
        return scope.Keep(_classifier.Forward(Attend(states, layout), ForwardContext.Evaluate32));
    }

    private Tensor Attend(Tensor states, SequenceLayout layout)
    {
        using var scope = TensorScope.Enter();
        var (tokens, width) = (states.Size(0), states.Size(1));
        var scores = (states.MatrixProduct(_weight.Value) + _bias.Value).Tanh().MatrixProduct(_context.Value.Unsqueeze(1)); // [N, 1]

        // Steps behind the end of a row look at one more token, whose score is minus infinity.
        var steps = Enumerable.Range(0, layout.RowCount).Max(layout.RowLength);
        var places = new long[layout.RowCount * steps];
        for (var i = 0; i < places.Length; i++)
        {
            var (row, step) = (i / steps, i % steps);
            places[i] = step < layout.RowLength(row) ? layout.RowStarts[row] + step : tokens;
        }

        var indices = Tensor.From<long>(places, places.Length).ToDevice(states.Device);
        var weights = Padded(scores, double.NegativeInfinity, 1).View(layout.RowCount, 1, steps).Softmax(2); // [B, 1, T]
        return scope.Keep(weights.BatchMatrixProduct(Padded(states, 0, width).View(layout.RowCount, steps, width)).Squeeze(1)); // [B, 2H]

        Tensor Padded(Tensor x, double fill, long columns) =>
            Tensor.Cat([x, Tensor.Full([1, columns], fill, x.DType, x.Device)], 0).IndexSelect(0, indices);
    }
}
