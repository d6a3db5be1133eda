using Guanxi.Torch;
using Guanxi.Torch.Benchmarks;

namespace Guanxi.Cli.Benchmarks;

/// <summary>How much is measured.</summary>
internal sealed record BenchmarkEffort
{
    /// <summary>Enough for a figure that can be quoted.</summary>
    public static BenchmarkEffort Full { get; } = new()
    {
        LanguageModel = "0.44b",
        Encoder = "bert-base",
        Samples = 7,
        TrainSamples = 5,
        TrainBudget = TimeSpan.FromSeconds(20),
        Requests = 30,
        Tokens = 48,
        TokenizerTime = TimeSpan.FromSeconds(2),
        Kernels = KernelSizes.SevenBillion,
        Linears = LinearSizes.SevenBillion,
        ProductRows = 1040,
        ProductWidth = 4096,
        MemoryBytes = MemoryMeter.UsualBytes,
    };

    /// <summary>As little as shows that everything is measured; the figures say nothing of speed.</summary>
    public static BenchmarkEffort Quick { get; } = new()
    {
        LanguageModel = "tiny",
        Encoder = "tiny-bert",
        Samples = 1,
        TrainSamples = 1,
        TrainBudget = TimeSpan.Zero,
        Requests = 2,
        Tokens = 8,
        TokenizerTime = TimeSpan.Zero,
        Kernels = new KernelSizes(Rows: 2, RowLength: 9, Heads: 4, HeadDim: 8, Intermediate: 48, Vocabulary: 77, Supervised: 6),
        Linears = new LinearSizes([(48, 128)], [1, 9], RotatedBytes: 1),
        ProductRows = 16,
        ProductWidth = 128,
        MemoryBytes = 1 << 20,
    };

    /// <summary>Shape of language models unless the call names one.</summary>
    public required string LanguageModel { get; init; }

    /// <summary>Shape of encoders in a run of all benchmarks.</summary>
    public required string Encoder { get; init; }

    /// <summary>Samples of kernels, peaks and starts.</summary>
    public required int Samples { get; init; }

    /// <summary>Training steps wanted.</summary>
    public required int TrainSamples { get; init; }

    /// <summary>Time after which no more steps are taken than those.</summary>
    public required TimeSpan TrainBudget { get; init; }

    /// <summary>Requests to a model that serves.</summary>
    public required int Requests { get; init; }

    /// <summary>Tokens to generate.</summary>
    public required int Tokens { get; init; }

    /// <summary>Time that a tokenizer is given.</summary>
    public required TimeSpan TokenizerTime { get; init; }

    /// <summary>Sizes of the fused kernels' inputs.</summary>
    public required KernelSizes Kernels { get; init; }

    /// <summary>Sizes of linear layers over a few tokens.</summary>
    public required LinearSizes Linears { get; init; }

    /// <summary>Rows of the product beside the peak.</summary>
    public required int ProductRows { get; init; }

    /// <summary>Its width.</summary>
    public required int ProductWidth { get; init; }

    /// <summary>Memory to read.</summary>
    public required long MemoryBytes { get; init; }
}
