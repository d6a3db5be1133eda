using System.Runtime.InteropServices;
using System.Text;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Relations.Tfidf;

/// <summary>The linear baseline: logistic regression on TF-IDF of character n-grams of a row's views.</summary>
/// <remarks>
/// Its file, <see cref="FileName"/>, holds for each view V of <see cref="PairViews.Names"/>: <c>V.grams</c>, U8, the n-grams end to end in UTF-8;
/// <c>V.ends</c>, I32 [n], the byte after each; <c>V.idf</c>, F32 [n]; then <c>weights</c>, F32 [features, classes], the features of the views one
/// after the other in the order of the metadata's <c>views</c>, and <c>bias</c>, F32 [classes]. A row's score of a class is the sum of its features'
/// weights and the bias; probabilities are the softmax. The model is immutable: it is safe to share between threads.
/// </remarks>
internal sealed class TfidfModel : IRelationClassifier
{
    /// <summary>Name of the model's file in a folder.</summary>
    public const string FileName = "tfidf.safetensors";

    /// <summary>The tensor of the features' weights.</summary>
    public const string Weights = "weights";

    /// <summary>The tensor of what every score begins with.</summary>
    public const string Bias = "bias";

    private const string Views = "views";

    // The best of 30, 100 and 300 and of balances 0 and 0.5 in cross-validation by sentence on the published training rows: weighted F1 0.656.
    private const double Cost = 100;
    private const double ClassBalance = 0.5;

    private readonly NgramVocabulary[] _vocabularies;
    private readonly ClassWeights _weights;

    private TfidfModel(RelationSchema schema, NgramVocabulary[] vocabularies, ClassWeights weights) =>
        (Schema, _vocabularies, _weights) = (schema, vocabularies, weights);

    /// <inheritdoc/>
    public RelationSchema Schema { get; }

    /// <summary>Number of weights.</summary>
    public long ParameterCount => (long)_weights.Features * _weights.Classes;

    /// <summary>Learns from rows.</summary>
    /// <param name="rows">Rows with labels of the schema.</param>
    /// <param name="schema">The labels.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="stop">Ends the work between two steps.</param>
    /// <returns>The model.</returns>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public static TfidfModel Train(IReadOnlyList<RelationExample> rows, RelationSchema schema, Action<FitStep> progress, CancellationToken stop)
    {
        string[][] views = [.. rows.Select(PairViews.Of)];
        NgramVocabulary[] vocabularies = [.. PairViews.Names.Select((_, view) => NgramVocabulary.Learn([.. views.Select(texts => texts[view])]))];
        SparseRow[] features = [.. views.Select(texts => Features(vocabularies, texts))];
        int[] classes = [.. rows.Select(row => schema.IndexOf(row.Label!))];
        var shape = new RegressionShape(FeatureCount(vocabularies), schema.Labels.Count, Cost, ClassBalance);
        return new TfidfModel(schema, vocabularies, SoftmaxRegression.Fit(features, classes, shape, progress, stop));
    }

    /// <summary>Reads a model.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="schema">The labels that it was trained with.</param>
    /// <returns>The model.</returns>
    /// <exception cref="CheckpointException">The file is missing or damaged, or its parts or the labels do not fit together.</exception>
    public static TfidfModel Load(string folder, RelationSchema schema)
    {
        var path = Path.Combine(folder, FileName);
        using var file = SafetensorsFile.Open(path);
        NgramVocabulary[] vocabularies = [.. PairViews.Names.Select(view => ReadView(file, view))];
        var features = FeatureCount(vocabularies);
        var (values, bias) = (file.ReadSingles(Weights), file.ReadSingles(Bias));
        if (file.Metadata.GetValueOrDefault(Views) != string.Join(' ', PairViews.Names) || bias.Length != schema.Labels.Count
            || values.Length != (features - 1) * (long)bias.Length)
        {
            throw new CheckpointException(new Problem(
                path, "weights, n-grams and labels do not belong together", $"{features - 1} features of {string.Join(' ', PairViews.Names)} and {schema.Labels.Count} classes",
                $"{values.Length} weights of {file.Metadata.GetValueOrDefault(Views) ?? "unknown views"}, {bias.Length} classes"));
        }

        var weights = new ClassWeights(features, bias.Length);
        for (var feature = 0; feature < features - 1; feature++)
        {
            values.AsSpan(feature * bias.Length, bias.Length).CopyTo(weights[feature]);
        }

        bias.CopyTo(weights[features - 1]);
        return new TfidfModel(schema, vocabularies, weights);
    }

    /// <summary>Writes the model.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Save(string folder)
    {
        var tensors = PairViews.Names.Zip(_vocabularies).SelectMany(view => ViewTensors(view.First, view.Second)).ToList();
        var features = _weights.Features - 1;
        var values = new float[features * _weights.Classes];
        for (var feature = 0; feature < features; feature++)
        {
            _weights[feature].CopyTo(values.AsSpan(feature * _weights.Classes));
        }

        tensors.Add(TensorSource.FromBytes(Weights, DType.Float32, [features, _weights.Classes], Bytes(values)));
        tensors.Add(TensorSource.FromBytes(Bias, DType.Float32, [_weights.Classes], Bytes(_weights[features].ToArray())));
        SafetensorsWriter.Write(Path.Combine(folder, FileName), tensors, new Dictionary<string, string> { [Views] = string.Join(' ', PairViews.Names) });
    }

    /// <inheritdoc/>
    public IReadOnlyList<ClassifiedRow> Classify(IReadOnlyList<RelationExample> examples) => [.. examples.Select(example =>
    {
        var scores = new double[_weights.Classes];
        _weights.Score(Features(_vocabularies, PairViews.Of(example)), scores);
        SoftmaxRegression.Softmax(scores);
        return ClassifiedRow.Of(RelationPrediction.Of(Schema, scores));
    })];

    /// <summary>Nothing is held outside managed memory.</summary>
    public void Dispose()
    {
    }

    private static int FeatureCount(NgramVocabulary[] vocabularies) => vocabularies.Sum(vocabulary => vocabulary.Grams.Count) + 1;

    /// <summary>The features of all views, and a last one that is always 1: its weights are the bias.</summary>
    private static SparseRow Features(NgramVocabulary[] vocabularies, string[] texts)
    {
        var features = new List<(int Index, float Value)>();
        var offset = 0;
        foreach (var (vocabulary, text) in vocabularies.Zip(texts))
        {
            features.AddRange(vocabulary.Transform(text, offset));
            offset += vocabulary.Grams.Count;
        }

        features.Add((offset, 1));
        return new SparseRow([.. features.Select(item => item.Index)], [.. features.Select(item => item.Value)]);
    }

    private static IEnumerable<TensorSource> ViewTensors(string view, NgramVocabulary vocabulary)
    {
        var (text, ends) = (new MemoryStream(), new List<int>());
        foreach (var gram in vocabulary.Grams)
        {
            text.Write(Encoding.UTF8.GetBytes(gram));
            ends.Add((int)text.Length);
        }

        yield return TensorSource.FromBytes($"{view}.grams", DType.UInt8, [text.Length], text.ToArray());
        yield return TensorSource.FromBytes($"{view}.ends", DType.Int32, [ends.Count], Bytes(ends.ToArray()));
        yield return TensorSource.FromBytes($"{view}.idf", DType.Float32, [ends.Count], Bytes(vocabulary.Idf));
    }

    private static NgramVocabulary ReadView(SafetensorsFile file, string view)
    {
        var (text, ends, idf) = (file.ReadBytes($"{view}.grams"), file.Read<int>($"{view}.ends"), file.ReadSingles($"{view}.idf"));
        if (ends.Length != idf.Length || (ends.Length == 0 ? 0 : ends[^1]) != text.Length || ends.Zip(ends.Skip(1)).Any(pair => pair.First > pair.Second) || ends is [< 0, ..])
        {
            throw new CheckpointException(new Problem($"{file.FilePath}, {view}", "the n-grams are damaged", "ascending ends of all n-grams, and a frequency for each"));
        }

        return new NgramVocabulary([.. ends.Select((end, i) => Encoding.UTF8.GetString(text.AsSpan((i == 0 ? 0 : ends[i - 1])..end)))], idf);
    }

    private static byte[] Bytes<T>(T[] values)
        where T : unmanaged => MemoryMarshal.AsBytes<T>(values).ToArray();
}
