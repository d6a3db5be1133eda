using System.Globalization;
using System.Text.Json.Nodes;
using Guanxi.Torch;
using Guanxi.Torch.Benchmarks;
using Guanxi.Transformers.Benchmarks;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli.Benchmarks;

/// <summary>The cases of <c>bench</c>: each writes its figures for people and gives them for machines.</summary>
/// <param name="effort">How much is measured.</param>
/// <param name="dtype">Type to compute in, as the call names it.</param>
/// <param name="status">Told of progress.</param>
internal sealed class BenchmarkCases(BenchmarkEffort effort, string dtype, StatusLine status)
{
    private const string Disturbed = "  the peak wandered during every sample: other work was running, and the figures are rough";

    /// <summary>Whether a measurement of a run of all has failed.</summary>
    public bool HasFailed { get; private set; }

    private static TextWriter Output => Console.Out;

    /// <summary>Limits of the machine.</summary>
    public JsonObject Peak()
    {
        var result = new PeakBenchmark(effort.ProductRows, effort.ProductWidth, effort.MemoryBytes, effort.Samples, TimeProvider.System).Run();
        var half = result.HalfOperationsPerSecond is { } peak
            ? string.Create(CultureInfo.InvariantCulture, $"{peak / 1e9:F1} GFLOP/s in bf16") : "no products of bf16";
        Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            peak of {result.Threads} threads: {result.SingleOperationsPerSecond / 1e9:F1} GFLOP/s in fp32, {half}
              libtorch's product in fp32: {result.ProductPeakShare:P1} of it
              memory read in four streams a thread: {result.MemoryBytesPerSecond / 1e9:F1} GB/s
            """));
        return result.ToJson();
    }

    /// <summary>Times to start.</summary>
    public JsonObject Startup()
    {
        var result = new StartupBenchmark(effort.Samples, TimeProvider.System).Run();
        foreach (var (key, value) in result.Where(item => item.Key.EndsWith("_seconds", StringComparison.Ordinal)))
        {
            Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{key[..^"_seconds".Length].Replace('_', ' ')}: {value!.GetValue<double>():F2} s"));
        }

        return result;
    }

    /// <summary>A step of training.</summary>
    /// <param name="shape">Name of the shape; null for the usual one.</param>
    /// <param name="layers">Blocks alone; null for the whole model.</param>
    /// <param name="sharesPrefix">Whether rows begin with the same tokens.</param>
    public JsonObject Train(string? shape, int? layers, bool sharesPrefix)
    {
        var options = new TrainBenchmarkOptions
        {
            Shape = BenchmarkShape.Find(shape ?? effort.LanguageModel),
            Layers = layers,
            SharesPrefix = sharesPrefix,
            ComputeType = ComputeTypeOf(),
            Samples = effort.TrainSamples,
            Budget = effort.TrainBudget,
        };
        using var benchmark = new TrainBenchmark(options, TimeProvider.System);
        var result = benchmark.Run(status.Say);
        var part = layers is { } count ? $", {count} of its layers" : string.Empty;
        Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {result.Kind} step, shape {result.Shape}{part}: median of {result.Samples} samples, {result.DroppedSamples} dropped
              forward   {result.ForwardPeakShare,7:P1} of the peak
              backward  {result.BackwardPeakShare,7:P1}
              together  {result.PeakShare,7:P1}: {result.OperationsPerSecond / 1e9:F1} of {result.PeakOperationsPerSecond / 1e9:F1} GFLOP/s
              {result.TokensPerSecond:F1} tokens/s, {result.ExamplesPerSecond:F2} rows/s, {result.Seconds:F2} s a step, {Bytes.Show(result.PeakResidentBytes)} at most
            """));
        SayIfDisturbed(result.IsDisturbed);
        return result.ToJson();
    }

    /// <summary>One request after the other.</summary>
    /// <param name="shape">Name of the shape; null for the usual one.</param>
    /// <param name="weights">Form of the weights.</param>
    public JsonObject Serve(string? shape, string weights)
    {
        var options = new ServeBenchmarkOptions
        {
            Shape = BenchmarkShape.Find(shape ?? effort.LanguageModel),
            StorageType = StorageOf(weights),
            ComputeType = ComputeTypeOf(),
            Requests = effort.Requests,
        };
        using var benchmark = new ServeBenchmark(options, TimeProvider.System);
        var result = benchmark.Run(status.Say);
        var (p90, p99, requests) = (result.Percentile(0.9), result.Percentile(0.99), $"{result.Seconds.Count} requests, {result.DroppedSamples} dropped");
        Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            one request at a time, shape {result.Shape}: {result.Median * 1e3:F1} ms in the median, p90 {p90 * 1e3:F1}, p99 {p99 * 1e3:F1} ({requests})
              its new tokens at {result.PeakShare:P1} of the peak, {result.PeakOperationsPerSecond / 1e9:F1} GFLOP/s; the goal is {result.GoalSeconds * 1e3:F1} ms
            """));
        foreach (var prefill in result.Prefills)
        {
            Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {prefill.Tokens} tokens at once: {prefill.Seconds * 1e3:F1} ms, {prefill.PeakShare:P1} of the peak"));
        }

        SayIfDisturbed(result.IsDisturbed);
        return result.ToJson();
    }

    /// <summary>Generation, a token at a time.</summary>
    /// <param name="shape">Name of the shape; null for the usual one.</param>
    /// <param name="weights">Form of the weights.</param>
    public JsonObject Decode(string? shape, string weights)
    {
        var options = new DecodeBenchmarkOptions
        {
            Shape = DecoderShape.Find(shape ?? effort.LanguageModel),
            StorageType = StorageOf(weights),
            ComputeType = ComputeTypeOf(),
            Tokens = effort.Tokens,
        };
        using var benchmark = new DecodeBenchmark(options, TimeProvider.System);
        var result = benchmark.Run();
        var bandwidth = MemoryMeter.Measure(effort.MemoryBytes, effort.Samples, TimeProvider.System);
        var share = result.WeightBytesPerSecond / bandwidth;
        Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"generation, shape {options.Shape.Name}, {weights} weights: {result.TokensPerSecond:F1} tokens/s, {result.Seconds * 1e3:F1} ms a token (median), "
            + $"{result.WeightBytesPerSecond / 1e9:F1} GB/s of weights, {share:P1} of what the memory gives"));
        var json = result.ToJson();
        (json["memory_bytes_per_second"], json["memory_share"]) = (bandwidth, share);
        return json;
    }

    /// <summary>Fused kernels, linear layers over a few tokens, tokenizers.</summary>
    /// <param name="folders">Folders of tokenizers; none for the embedded base.</param>
    /// <param name="text">Text to encode; null for the sample.</param>
    public JsonObject Kernels(string[]? folders, string? text)
    {
        var encoded = new JsonArray();
        foreach (var (folder, benchmark) in Tokenizers(folders, text))
        {
            var measured = benchmark.Run(effort.TokenizerTime);
            encoded.Add(measured.ToJson());
            Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{folder}: {measured.Tokenizer}, {measured.MegabytesPerSecond:F1} MB/s on one thread"));
        }

        Output.WriteLine($"{"kernel",-15} {"pass",-10} type {"fused",9}    {"composed",9}      gain   throughput (medians of {effort.Samples}, in turn)");
        var timings = new KernelBenchmark(effort.Kernels, effort.Samples, TimeProvider.System).Run(Output.WriteLine);
        var bandwidth = MemoryMeter.Measure(effort.MemoryBytes, effort.Samples, TimeProvider.System);
        Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"memory read in four streams a thread: {bandwidth / 1e9:F1} GB/s"));
        var linears = new LinearBenchmark(effort.Linears, effort.Samples, TimeProvider.System).Run(ComputeTypeOf(), Output.WriteLine);
        return new JsonObject
        {
            ["case"] = "kernels",
            ["threads"] = TorchRuntime.Threads,
            ["memory_bytes_per_second"] = bandwidth,
            ["tokenizers"] = encoded,
            ["kernels"] = new JsonArray([.. timings.Select(timing => timing.ToJson()), .. linears.Select(timing => timing.ToJson())]),
        };
    }

    /// <summary>Everything, each in a process of its own.</summary>
    /// <param name="page">File of the page; null for none.</param>
    public JsonObject All(string? page)
    {
        var start = TimeProvider.System.GetTimestamp();
        var measurements = BenchmarkSuite.Of(effort);
        var begun = 0;
        var results = BenchmarkSuite.Run(
            measurements, words => BenchmarkProcess.Run(words, status.Show),
            measurement => status.Say($"{++begun} of {measurements.Count}: {measurement.Command}"));
        var report = new SuiteReport(results, Machine.Facts());
        report.WriteTable(Output);
        if (page is not null)
        {
            AtomicFile.WriteText(page, report.ToHtml());
        }

        HasFailed = report.HasFailure;
        return report.ToJson(TimeProvider.System.GetElapsedTime(start));
    }

    private static IEnumerable<(string Folder, TokenizerBenchmark Benchmark)> Tokenizers(string[]? folders, string? text)
    {
        var chosen = folders is { Length: > 0 } ? folders : [Path.Combine(EmbeddedFiles.FindRoot(), EmbeddedFiles.Base)];
        text ??= Path.Combine(EmbeddedFiles.FindRoot(), EmbeddedFiles.TrainingRows);

        // All are loaded before the first is measured: a wrong name ends the call at once.
        return [.. chosen.Select(folder => (folder, TokenizerBenchmark.Load(folder, text, TimeProvider.System)))];
    }

    private static DType? StorageOf(string weights) => weights switch
    {
        "bf16" => DType.BFloat16,
        "fp16" => DType.Float16,
        "fp32" => DType.Float32,
        _ => null,
    };

    private static void SayIfDisturbed(bool isDisturbed)
    {
        if (isDisturbed)
        {
            Output.WriteLine(Disturbed);
        }
    }

    private DType ComputeTypeOf()
    {
        var computeType = ComputeType.Choose(dtype, Device.Cpu, TimeProvider.System, out var why);
        status.Say(why);
        return computeType;
    }
}
