using System.Diagnostics;
using System.Text.Json.Nodes;
using Guanxi.Torch;
using Guanxi.Transformers.Models;

namespace Guanxi.Transformers.Benchmarks;

/// <summary>What a training benchmark found, of the median sample.</summary>
public sealed record TrainBenchmarkResult
{
    /// <summary>What was trained, in words.</summary>
    public required string Kind { get; init; }

    /// <summary>Name of the shape.</summary>
    public required string Shape { get; init; }

    /// <summary>Blocks that ran alone; null for the whole model.</summary>
    public required int? Layers { get; init; }

    /// <summary>Type of activations and products.</summary>
    public required DType ComputeType { get; init; }

    /// <summary>Seconds of one step.</summary>
    public required double Seconds { get; init; }

    /// <summary>Rows of a step.</summary>
    public required int Examples { get; init; }

    /// <summary>Tokens of a step's rows.</summary>
    public required long RealTokens { get; init; }

    /// <summary>Token positions that were computed for them, padding included.</summary>
    public required long PaddedTokens { get; init; }

    /// <summary>Operations a second.</summary>
    public required double OperationsPerSecond { get; init; }

    /// <summary>The processor's peak in the same minute, operations a second.</summary>
    public required double PeakOperationsPerSecond { get; init; }

    /// <summary>Speed of the forward pass as a share of the peak; median of its own.</summary>
    public required double ForwardPeakShare { get; init; }

    /// <summary>Speed of the backward pass as a share of the peak; median of its own.</summary>
    public required double BackwardPeakShare { get; init; }

    /// <summary>Largest resident memory of the process so far.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>Samples that the medians are taken of.</summary>
    public required int Samples { get; init; }

    /// <summary>Samples dropped because the peak fell during them.</summary>
    public required int DroppedSamples { get; init; }

    /// <summary>Whether too few samples were steady, so that unsteady ones count: other work ran beside.</summary>
    public required bool IsDisturbed { get; init; }

    /// <summary>Speed as a share of the peak.</summary>
    public double PeakShare => OperationsPerSecond / PeakOperationsPerSecond;

    /// <summary>Rows a second.</summary>
    public double ExamplesPerSecond => Examples / Seconds;

    /// <summary>Tokens a second, padding not counted.</summary>
    public double TokensPerSecond => RealTokens / Seconds;

    /// <summary>The machine form.</summary>
    /// <returns>An object with snake_case keys.</returns>
    public JsonObject ToJson() => new()
    {
        ["case"] = "train",
        ["shape"] = Shape,
        ["layers"] = Layers,
        ["tokens_per_second"] = TokensPerSecond,
        ["examples_per_second"] = ExamplesPerSecond,
        ["gflops"] = OperationsPerSecond / 1e9,
        ["peak_gflops"] = PeakOperationsPerSecond / 1e9,
        ["peak_share"] = PeakShare,
        ["forward_peak_share"] = ForwardPeakShare,
        ["backward_peak_share"] = BackwardPeakShare,
        ["tokens_real"] = RealTokens,
        ["tokens_padded"] = PaddedTokens,
        ["rss_peak_bytes"] = PeakResidentBytes,
        ["seconds"] = Seconds,
        ["compute_dtype"] = DTypeNames.ShortOf(ComputeType),
        ["samples"] = Samples,
        ["samples_dropped"] = DroppedSamples,
        ["disturbed"] = IsDisturbed,
    };

    internal static TrainBenchmarkResult Of(
        TrainBenchmarkOptions options, BenchmarkedStep step, IReadOnlyList<BenchmarkSample> samples, int dropped, bool isDisturbed)
    {
        var operations = step.Operations;
        var middle = SamplingPlan.Median(samples, sample => sample.PeakWork);
        using var process = Process.GetCurrentProcess();
        return new TrainBenchmarkResult
        {
            Kind = step.Name,
            Shape = options.Shape.Name,
            Layers = options.Layers,
            ComputeType = options.ComputeType,
            Seconds = middle.Seconds,
            Examples = step.Rows,
            RealTokens = step.RealTokens,
            PaddedTokens = step.ComputedTokens,
            OperationsPerSecond = operations.Total / middle.Seconds,
            PeakOperationsPerSecond = middle.Peak,
            ForwardPeakShare = MedianShare(operations.Forward, sample => sample.ForwardSeconds * sample.ForwardPeak),
            BackwardPeakShare = MedianShare(operations.Backward, sample => sample.BackwardSeconds * sample.BackwardPeak),
            PeakResidentBytes = process.PeakWorkingSet64,
            Samples = samples.Count,
            DroppedSamples = dropped,
            IsDisturbed = isDisturbed,
        };

        double MedianShare(double count, Func<BenchmarkSample, double> possible) => count / possible(SamplingPlan.Median(samples, possible));
    }
}
