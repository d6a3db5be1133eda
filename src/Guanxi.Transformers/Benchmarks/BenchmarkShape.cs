using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>A model's size by name, with random weights: a benchmark needs no file.</summary>
/// <param name="Name">What the command line calls it.</param>
/// <param name="Config">The shape.</param>
public sealed record BenchmarkShape(string Name, DecoderConfig Config)
{
    // Longer than any row of a benchmark; the table of rotary angles is as long.
    private const int Positions = 512;

    /// <summary>All shapes that can be asked for, smallest first.</summary>
    public static IReadOnlyList<BenchmarkShape> All { get; } =
    [
        new("0.44b", Llama(layers: 24, hidden: 1024, intermediate: 2816, heads: 16, vocabulary: 64000)),
        new("7b", Llama(layers: 32, hidden: 4096, intermediate: 11008, heads: 32, vocabulary: 64000)),
        new("13b", Llama(layers: 40, hidden: 5120, intermediate: 13696, heads: 40, vocabulary: 64000)),
    ];

    /// <summary>Finds a shape.</summary>
    /// <param name="name">Its name, e.g. <c>7b</c>.</param>
    /// <returns>The shape.</returns>
    /// <exception cref="OptionsException">There is none of that name.</exception>
    public static BenchmarkShape Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return All.FirstOrDefault(shape => string.Equals(shape.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new OptionsException(new Problem(
                "--shape", "this shape cannot be benchmarked", string.Join(", ", All.Select(shape => shape.Name)), $"'{name}'"));
    }

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
