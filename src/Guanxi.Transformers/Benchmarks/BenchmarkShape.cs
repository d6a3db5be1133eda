using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>A model's size by name, with random weights: a benchmark needs no file.</summary>
/// <param name="Name">What it is called.</param>
public abstract record BenchmarkShape(string Name)
{
    /// <summary>All shapes that can be asked for, smallest first.</summary>
    public static IReadOnlyList<BenchmarkShape> All { get; } = [.. EncoderShape.All, .. DecoderShape.All];

    /// <summary>Finds a shape.</summary>
    /// <param name="name">Its name, e.g. <c>7b</c>.</param>
    /// <returns>The shape.</returns>
    /// <exception cref="OptionsException">There is none of that name.</exception>
    public static BenchmarkShape Find(string name) => Find(All, name);

    /// <summary>Finds one of some shapes.</summary>
    private protected static T Find<T>(IReadOnlyList<T> shapes, string name)
        where T : BenchmarkShape
    {
        ArgumentNullException.ThrowIfNull(name);
        return shapes.FirstOrDefault(shape => string.Equals(shape.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new OptionsException(new Problem(
                "shape", "this shape cannot be benchmarked", string.Join(", ", shapes.Select(shape => shape.Name)), $"'{name}'"));
    }
}

/// <summary>A language model's size.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Config">The shape.</param>
public sealed record DecoderShape(string Name, DecoderConfig Config) : BenchmarkShape(Name)
{
    // Longer than any row of a benchmark; the table of rotary angles is as long.
    private const int Positions = 512;

    /// <summary>All of them, smallest first.</summary>
    public static new IReadOnlyList<DecoderShape> All { get; } =
    [
        // Far too small to tell a speed: it shows that everything runs.
        new("tiny", Llama(layers: 2, hidden: 128, intermediate: 256, heads: 4, vocabulary: 300)),
        new("0.44b", Llama(layers: 24, hidden: 1024, intermediate: 2816, heads: 16, vocabulary: 64000)),
        new("7b", Llama(layers: 32, hidden: 4096, intermediate: 11008, heads: 32, vocabulary: 64000)),
        new("13b", Llama(layers: 40, hidden: 5120, intermediate: 13696, heads: 40, vocabulary: 64000)),
    ];

    /// <summary>Finds a shape.</summary>
    /// <param name="name">Its name, e.g. <c>7b</c>.</param>
    /// <returns>The shape.</returns>
    /// <exception cref="OptionsException">There is none of that name, or it is no language model's.</exception>
    public static new DecoderShape Find(string name) => Find(All, name);

    internal static DecoderConfig Llama(int layers, int hidden, int intermediate, int heads, int vocabulary) => new()
    {
        Architecture = "LlamaForCausalLM",
        ModelType = "llama",
        VocabularySize = vocabulary,
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        LayerCount = layers,
        HeadCount = heads,
        KeyValueHeadCount = heads,
        HeadDim = hidden / heads,
        RmsNormEpsilon = 1e-6,
        RopeTheta = 10000,
        MaxPositions = Positions,
        TieWordEmbeddings = false,
        FusedQueryKeyValue = false,
        BosId = 1,
        EosIds = [2],
        PadId = 0,
        InitializerRange = 0.02,
    };
}

/// <summary>An encoder's size; it has R-BERT's head.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Config">The shape.</param>
public sealed record EncoderShape(string Name, EncoderConfig Config) : BenchmarkShape(Name)
{
    private const int Labels = 14;

    /// <summary>All of them, smallest first.</summary>
    public static new IReadOnlyList<EncoderShape> All { get; } =
    [
        // As of the language models: to show that everything runs.
        new("tiny-bert", Bert(layers: 2, hidden: 64, heads: 2, vocabulary: 300)),

        // bert-base-chinese with the labels of the published data.
        new("bert-base", Bert(layers: 12, hidden: 768, heads: 12, vocabulary: 21128)),
    ];

    private static EncoderConfig Bert(int layers, int hidden, int heads, int vocabulary) => new()
    {
        VocabularySize = vocabulary,
        HiddenSize = hidden,
        IntermediateSize = 4 * hidden,
        LayerCount = layers,
        HeadCount = heads,
        MaxPositions = 512,
        TokenTypeCount = 2,
        LayerNormEpsilon = 1e-12,
        HiddenDropout = 0.1,
        AttentionDropout = 0.1,
        ClassifierDropout = 0.1,
        PadId = 0,
        InitializerRange = 0.02,
        Head = EncoderHead.EntityPair,
        Labels = [.. Enumerable.Range(0, Labels).Select(label => $"{label}")],
    };
}
