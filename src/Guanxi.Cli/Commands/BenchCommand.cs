using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Guanxi.Torch;
using Guanxi.Torch.Benchmarks;
using Guanxi.Transformers;
using Guanxi.Transformers.Benchmarks;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli.Commands;

/// <summary><c>bench</c>: speed as a share of what this machine can do at this minute.</summary>
internal static class BenchCommand
{
    private const string Summary = "Measures speed as a share of the processor's peak.";
    private const string TrainCase = "train";
    private const string KernelsCase = "kernels";
    private const string DecodeCase = "decode";
    private const string ServeCase = "serve";
    private const int KernelSamples = 7;
    private const string Disturbed = "  the peak wandered during every sample: other work was running, and the figures are rough";

    private static readonly TimeSpan s_tokenizerTime = TimeSpan.FromSeconds(2);

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("bench", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("bench", Summary)
        {
            Examples =
            [
                "./guanxi bench train --shape 7b --layers 1",
                "./guanxi bench serve --shape bert-base",
                "./guanxi bench decode --shape 0.44b --weights nf4",
                $"./guanxi bench kernels --tokenizer {SampleCalls.Base} --json -",
            ],
        };
        var what = OptionKinds.Choice(
            "case",
            $"What to measure: {TrainCase} (a step of QLoRA, or of R-BERT for an encoder's shape), {ServeCase} (one request after the other), "
            + $"{DecodeCase} (generation, token by token) or {KernelsCase} (the fused kernels and tokenizers).",
            [TrainCase, ServeCase, DecodeCase, KernelsCase]);
        string[] shapes = [.. BenchmarkShape.All.Select(known => known.Name)];
        var shape = OptionKinds.Offering("--shape", "NAME", $"Shape of the model: {string.Join(", ", shapes)}. Default: 0.44b.", shapes);
        var layers = OptionKinds.Whole("--layers", "Only N blocks, without head and without checkpointing (default: the whole model, with both).", 1);
        var sharesPrefix = OptionKinds.Flag("--shared_prefix", "Compute what all rows begin with once, as train does (default: false).");
        var dtype = OptionKinds.OneOf("--dtype", "Type to compute in; auto takes the faster one.", ["auto", "fp32", "bf16"]);
        var tokenizers = new Option<string[]>("--tokenizer")
        {
            HelpName = "DIR", Description = "Tokenizers that kernels measures (default: the embedded base's).", AllowMultipleArgumentsPerToken = true,
        };
        var weights = OptionKinds.OneOf("--weights", $"Form of the weights of {ServeCase} and {DecodeCase}.", ["nf4", "bf16", "fp16", "fp32"]);
        var text = OptionKinds.Text("--text", "FILE", "Text that they encode (default: the sample).");
        var json = JsonOutput.Option();
        command.Add(what);
        foreach (var option in (Option[])[shape, layers, sharesPrefix, dtype, weights, tokenizers, text, json])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            var output = JsonOutput.Of(parsed.GetValue(json));
            var cases = new Dictionary<string, Action>
            {
                [TrainCase] = () => Train(
                    new TrainBenchmarkOptions
                    {
                        Shape = BenchmarkShape.Find(parsed.GetValue(shape) ?? "0.44b"),
                        Layers = parsed.GetValue(layers),
                        SharesPrefix = parsed.GetValue(sharesPrefix),
                    },
                    parsed.GetValue(dtype)!, status, output),
                [ServeCase] = () => Serve(parsed.GetValue(shape), parsed.GetValue(weights)!, parsed.GetValue(dtype)!, status, output),
                [DecodeCase] = () => Decode(parsed.GetValue(shape), parsed.GetValue(weights)!, parsed.GetValue(dtype)!, status, output),
                [KernelsCase] = () => Kernels(Tokenizers(parsed.GetValue(tokenizers), parsed.GetValue(text)), output),
            };
            Chosen(cases, parsed.GetValue(what)!)();
            return ExitCode.Done;
        });
        return command;
    }

    private static Action Chosen(Dictionary<string, Action> cases, string what) => cases.TryGetValue(what, out var chosen)
        ? chosen
        : throw new OptionsException(new Problem("bench", "this case is not measured", string.Join(" or ", cases.Keys), what));

    private static void Train(TrainBenchmarkOptions options, string dtype, StatusLine status, JsonOutput output)
    {
        var computeType = ComputeType.Choose(dtype, Device.Cpu, out var why);
        status.Say(why);
        using var benchmark = new TrainBenchmark(options with { ComputeType = computeType }, TimeProvider.System);
        Show(benchmark.Run(status.Say), output);
    }

    private static void Decode(string? shape, string weights, string dtype, StatusLine status, JsonOutput output)
    {
        var options = new DecodeBenchmarkOptions
        {
            Shape = DecoderShape.Find(shape ?? "0.44b"),
            StorageType = StorageOf(weights),
            ComputeType = ComputeType.Choose(dtype, Device.Cpu, out var why),
        };
        status.Say(why);
        using var benchmark = new DecodeBenchmark(options, TimeProvider.System);
        var result = benchmark.Run();
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"generation, shape {options.Shape.Name}, {weights} weights: {result.TokensPerSecond:F1} tokens/s, "
            + $"{result.WeightBytesPerSecond / 1e9:F1} GB/s of weights, {result.Seconds * 1e3:F1} ms a token (median)"));
        WriteJson(result.ToJson(), output);
    }

    private static DType? StorageOf(string weights) => weights switch
    {
        "bf16" => DType.BFloat16,
        "fp16" => DType.Float16,
        "fp32" => DType.Float32,
        _ => null,
    };

    private static void Serve(string? shape, string weights, string dtype, StatusLine status, JsonOutput output)
    {
        var options = new ServeBenchmarkOptions
        {
            Shape = BenchmarkShape.Find(shape ?? "0.44b"),
            StorageType = StorageOf(weights),
            ComputeType = ComputeType.Choose(dtype, Device.Cpu, out var why),
        };
        status.Say(why);
        using var benchmark = new ServeBenchmark(options, TimeProvider.System);
        var result = benchmark.Run(status.Say);
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            one request at a time, shape {result.Shape}: {result.Median * 1e3:F1} ms in the median, p90 {result.Percentile(0.9) * 1e3:F1}, p99 {result.Percentile(0.99) * 1e3:F1} ({result.Seconds.Count} requests, {result.DroppedSamples} dropped)
              its new tokens at {result.PeakShare:P1} of the peak, {result.PeakOperationsPerSecond / 1e9:F1} GFLOP/s; the goal is {result.GoalSeconds * 1e3:F1} ms
            """));
        foreach (var prefill in result.Prefills)
        {
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  prompt of {prefill.Tokens} tokens: {prefill.Seconds * 1e3:F1} ms, {prefill.PeakShare:P1} of the peak"));
        }

        if (result.IsDisturbed)
        {
            Console.Out.WriteLine(Disturbed);
        }

        WriteJson(result.ToJson(), output);
    }

    private static (string Folder, TokenizerBenchmark Benchmark)[] Tokenizers(string[]? folders, string? text)
    {
        var chosen = folders is { Length: > 0 } ? folders : [Path.Combine(EmbeddedFiles.FindRoot(), EmbeddedFiles.Base)];
        text ??= Path.Combine(EmbeddedFiles.FindRoot(), EmbeddedFiles.TrainingRows);
        return [.. chosen.Select(folder => (folder, TokenizerBenchmark.Load(folder, text, TimeProvider.System)))];
    }

    private static void Kernels((string Folder, TokenizerBenchmark Benchmark)[] tokenizers, JsonOutput output)
    {
        var encoded = new JsonArray();
        foreach (var (folder, benchmark) in tokenizers)
        {
            var measured = benchmark.Run(s_tokenizerTime);
            encoded.Add(measured.ToJson());
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{folder}: {measured.Tokenizer}, {measured.MegabytesPerSecond:F1} MB/s on one thread"));
        }

        Console.Out.WriteLine($"{"kernel",-15} {"pass",-10} type {"fused",9}    {"composed",9}      gain   throughput (medians of {KernelSamples}, in turn)");
        var timings = new KernelBenchmark(KernelSizes.SevenBillion, KernelSamples, TimeProvider.System).Run(timing => Console.Out.WriteLine(timing));
        var bandwidth = MemoryMeter.Measure(KernelSamples, TimeProvider.System);
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"memory read in four streams a thread: {bandwidth / 1e9:F1} GB/s"));
        var computeType = ComputeType.Choose("auto", Device.Cpu, out _);
        var linears = new LinearBenchmark(LinearSizes.SevenBillion, KernelSamples, TimeProvider.System).Run(computeType, timing => Console.Out.WriteLine(timing));
        var result = new JsonObject
        {
            ["case"] = KernelsCase,
            ["threads"] = TorchRuntime.Threads,
            ["memory_bytes_per_second"] = bandwidth,
            ["tokenizers"] = encoded,
            ["kernels"] = new JsonArray([.. timings.Select(timing => timing.ToJson()), .. linears.Select(timing => timing.ToJson())]),
        };
        WriteJson(result, output);
    }

    private static void Show(TrainBenchmarkResult result, JsonOutput output)
    {
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"""
            {result.Kind} step, shape {result.Shape}{(result.Layers is { } layers ? $", {layers} of its layers" : string.Empty)}: median of {result.Samples} samples, {result.DroppedSamples} dropped
              forward   {result.ForwardPeakShare,7:P1} of the peak
              backward  {result.BackwardPeakShare,7:P1}
              together  {result.PeakShare,7:P1}: {result.OperationsPerSecond / 1e9:F1} of {result.PeakOperationsPerSecond / 1e9:F1} GFLOP/s
              {result.TokensPerSecond:F1} tokens/s, {result.ExamplesPerSecond:F2} rows/s, {result.Seconds:F2} s a step, {Bytes.Show(result.PeakResidentBytes)} at most
            """));
        if (result.IsDisturbed)
        {
            Console.Out.WriteLine(Disturbed);
        }

        WriteJson(result.ToJson(), output);
    }

    // The machine form is the last line in any case.
    private static void WriteJson(JsonObject result, JsonOutput output)
    {
        output.Write(result.ToJsonString());
        if (!output.IsWanted)
        {
            Console.Out.WriteLine(result.ToJsonString());
        }
    }
}
