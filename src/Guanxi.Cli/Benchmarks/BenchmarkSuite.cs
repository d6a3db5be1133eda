using System.Globalization;
using System.Text.Json.Nodes;

namespace Guanxi.Cli.Benchmarks;

/// <summary>All benchmarks one after the other, each by the call that makes it alone.</summary>
internal static class BenchmarkSuite
{
    /// <summary>The option that asks for little.</summary>
    public const string QuickOption = "--quick";

    // Goals of the project; those of serving a language model come with the result, since they depend on the peak.
    private const double LayerForwardGoal = 0.68;
    private const double LayerBackwardGoal = 0.60;
    private const double EncoderStepGoal = 0.60;
    private const double TokenizerGoal = 25;
    private const double DequantiseGoal = 15;
    private const double HelpGoal = 0.3;
    private const double ReadyGoal = 2;
    private const double SelfcheckGoal = 10;
    private const double Giga = 1e9;
    private const double Mebibyte = 1 << 20;

    // Share of the peak that a prompt, or an encoder's row, of so many tokens should be read at.
    private static readonly Dictionary<int, double> s_prefillGoals = new() { [55] = 0.55, [128] = 0.50, [130] = 0.65, [512] = 0.75 };

    /// <summary>The measurements, in the order in which they are made.</summary>
    /// <param name="effort">How much of each.</param>
    public static IReadOnlyList<Measurement> Of(BenchmarkEffort effort)
    {
        var layer = effort == BenchmarkEffort.Quick ? effort.LanguageModel : "7b";
        string[] rest = effort == BenchmarkEffort.Quick ? [QuickOption] : [];
        return
        [
            new("Limits of the machine", ["peak", .. rest], Peak),
            new("Start", ["startup", .. rest], Startup),
            new("Training", ["train", "--shape", layer, "--layers", "1", .. rest], Layer),
            new("Training", ["train", "--shape", effort.LanguageModel, .. rest], result => Step(result, "QLoRA step", null)),
            new("Training", ["train", "--shape", effort.Encoder, .. rest], result => Step(result, "R-BERT step", EncoderStepGoal)),
            new("Serving", ["serve", "--shape", effort.LanguageModel, .. rest], Serve),
            new("Serving", ["serve", "--shape", effort.Encoder, .. rest], Serve),
            new("Generation", ["decode", "--shape", effort.LanguageModel, .. rest], Decode),
            new("Kernels and tokenizers", ["kernels", .. rest], Kernels),
        ];
    }

    /// <summary>Makes all measurements; one that fails does not keep the others from being made.</summary>
    /// <param name="measurements">The measurements.</param>
    /// <param name="run">Makes a call of <c>bench</c> and gives the machine form of its result.</param>
    /// <param name="begin">Told of every measurement as it begins.</param>
    public static IReadOnlyList<Measured> Run(
        IReadOnlyList<Measurement> measurements, Func<IReadOnlyList<string>, JsonObject> run, Action<Measurement> begin)
    {
        var results = new List<Measured>();
        foreach (var measurement in measurements)
        {
            begin(measurement);
            try
            {
                results.Add(new Measured(measurement, [.. measurement.Read(run(measurement.Words))], null));
            }
            catch (JobFailedException error)
            {
                results.Add(new Measured(measurement, [], error.Message));
            }
        }

        return results;
    }

    private static IEnumerable<Figure> Peak(JsonObject result)
    {
        yield return new("multiply-accumulate peak, fp32", result.Number("peak_gflops_fp32"), "GFLOP/s");
        if (result["peak_gflops_bf16"] is not null)
        {
            yield return new("multiply-accumulate peak, bf16", result.Number("peak_gflops_bf16"), "GFLOP/s");
        }

        yield return new("product of libtorch, fp32", result.Number("product_gflops"), "GFLOP/s", result.Number("product_peak_share"));
        yield return new("memory, read in four streams a thread", result.Number("memory_bytes_per_second") / Giga, "GB/s");
    }

    private static IEnumerable<Figure> Startup(JsonObject result)
    {
        yield return Seconds("guanxi --help", result.Number("help_seconds"), HelpGoal);
        yield return Seconds("serve with the embedded base, until it is ready", result.Number("serve_ready_seconds"), ReadyGoal);
        yield return Seconds("selfcheck", result.Number("selfcheck_seconds"), SelfcheckGoal);

        static Figure Seconds(string name, double seconds, double most) => new(name, seconds, "s", null, Goal.AtMost(seconds, most, "s"));
    }

    private static IEnumerable<Figure> Layer(JsonObject result)
    {
        var peak = result.Number("peak_gflops");
        var (forward, backward) = (result.Number("forward_peak_share"), result.Number("backward_peak_share"));
        var name = $"QLoRA, one layer of {result.Text("shape")}";
        yield return new($"{name}, forward", forward * peak, "GFLOP/s", forward, Goal.OfPeak(forward, LayerForwardGoal));
        yield return new($"{name}, backward", backward * peak, "GFLOP/s", backward, Goal.OfPeak(backward, LayerBackwardGoal));
    }

    private static IEnumerable<Figure> Step(JsonObject result, string kind, double? goal)
    {
        var (name, share) = ($"{kind}, {result.Text("shape")}", result.Number("peak_share"));
        yield return new(
            name, result.Number("tokens_per_second"), "tokens/s", share, goal is { } least ? Goal.OfPeak(share, least) : null);
        yield return new($"{name}, most memory", result.Number("rss_peak_bytes") / Mebibyte, "MiB");
    }

    private static IEnumerable<Figure> Serve(JsonObject result)
    {
        var (name, median) = ($"one request, {result.Text("shape")}", result.Number("p50_ms"));
        yield return new($"{name}, median", median, "ms", result.Number("peak_share"), Goal.AtMost(median, result.Number("goal_ms"), "ms"));
        yield return new($"{name}, 99th percentile", result.Number("p99_ms"), "ms");
        foreach (var prefill in result["prefill"]!.AsArray().Select(item => item!.AsObject()))
        {
            var (tokens, share) = ((int)prefill.Number("tokens"), prefill.Number("peak_share"));
            yield return new(
                string.Create(CultureInfo.InvariantCulture, $"{tokens} tokens at once, {result.Text("shape")}"),
                prefill.Number("milliseconds"), "ms", share, s_prefillGoals.TryGetValue(tokens, out var least) ? Goal.OfPeak(share, least) : null);
        }
    }

    // A token at a time is bound by memory: its peak is the memory's.
    private static IEnumerable<Figure> Decode(JsonObject result) =>
    [
        new(
            $"generation, {result.Text("shape")}, {result.Text("weights")} weights",
            result.Number("tokens_per_second"), "tokens/s", result.Number("memory_share")),
    ];

    private static IEnumerable<Figure> Kernels(JsonObject result) =>
    [
        .. result["tokenizers"]!.AsArray().Select(item => Tokenizer(item!.AsObject())),
        .. result["kernels"]!.AsArray().Select(item => item!.AsObject())
            .Select(item => item.Text("kernel") switch { "linear" => Linear(item), "nf4" => FourBit(item), _ => Fused(item) }),
    ];

    private static Figure Tokenizer(JsonObject item)
    {
        var speed = item.Number("megabytes_per_second");
        return new($"{item.Text("tokenizer")}, one thread", speed, "MB/s", null, Goal.AtLeast(speed, TokenizerGoal, "MB/s"));
    }

    private static Figure Fused(JsonObject item) =>
        new($"{item.Text("kernel")} {item.Text("pass")}, {item.Text("dtype")}", item.Number("gain"), "times libtorch's operators");

    private static Figure FourBit(JsonObject item)
    {
        var speed = item.Number("elements_per_second") / Giga;
        return new(
            $"nf4 {item.Text("pass")}, {item.Text("dtype")}", speed, "G elements/s", null,
            item.Text("pass") == "dequantise" ? Goal.AtLeast(speed, DequantiseGoal, "G elements/s") : null);
    }

    private static Figure Linear(JsonObject item) => new(
        string.Create(
            CultureInfo.InvariantCulture,
            $"linear {item.Text("weights")} {item.Number("rows")} x {item.Number("columns")}, tokens: {item.Number("tokens")}"),
        item.Number("composed_seconds") / item.Number("seconds"), "times libtorch's product");

    private static double Number(this JsonObject item, string key) => item[key]?.GetValue<double>() ?? throw Missing(key);

    private static string Text(this JsonObject item, string key) => item[key]?.GetValue<string>() ?? throw Missing(key);

    private static JobFailedException Missing(string key) => new(new Transformers.Problem("bench", "the result lacks a figure", key));
}
