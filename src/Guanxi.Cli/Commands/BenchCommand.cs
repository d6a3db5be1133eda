using System.CommandLine;
using System.Text.Json.Nodes;
using Guanxi.Cli.Benchmarks;
using Guanxi.Transformers;
using Guanxi.Transformers.Benchmarks;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli.Commands;

/// <summary><c>bench</c>: speed as a share of what this machine can do at this minute.</summary>
internal static class BenchCommand
{
    private const string Summary = "Measures speed as a share of the processor's peak.";
    private const string AllCases = "all";
    private const string TrainCase = "train";
    private const string KernelsCase = "kernels";
    private const string DecodeCase = "decode";
    private const string ServeCase = "serve";
    private const string PeakCase = "peak";
    private const string StartupCase = "startup";

    private const string Cases =
        $"What to measure: {TrainCase} (a step of QLoRA, or of R-BERT for an encoder's shape), {ServeCase} (one request after the other), "
        + $"{DecodeCase} (generation, token by token), {KernelsCase} (the fused kernels and tokenizers), {PeakCase} (what the machine can do at best), "
        + $"{StartupCase} (time until the program answers) or {AllCases} (one after the other).";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("bench", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("bench", Summary)
        {
            Examples =
            [
                "./guanxi bench all --report runs/results.html",
                "./guanxi bench train --shape 7b --layers 1",
                "./guanxi bench serve --shape bert-base",
                $"./guanxi bench kernels --tokenizer {SampleCalls.Base} --json -",
            ],
        };
        var options = new BenchOptions(command);
        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            var output = JsonOutput.Of(parsed.GetValue(options.Json));
            var cases = options.CasesOf(parsed, status);
            WriteJson(options.Choose(parsed, cases)(), output);
            return cases.HasFailed ? ExitCode.Failed : ExitCode.Done;
        });
        return command;
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

    private sealed class BenchOptions
    {
        private readonly Argument<string> _case = OptionKinds.Choice("case", Cases, [TrainCase, ServeCase, DecodeCase, KernelsCase, PeakCase, StartupCase, AllCases]);

        private readonly Option<string?> _shape = OptionKinds.Offering(
            "--shape", "NAME", $"Shape of the model: {string.Join(", ", BenchmarkShape.All.Select(known => known.Name))}. Default: {BenchmarkEffort.Full.LanguageModel}.",
            BenchmarkShape.All.Select(known => known.Name));

        private readonly Option<int?> _layers = OptionKinds.Whole("--layers", "Only N blocks, without head and without checkpointing (default: the whole model, with both).", 1);
        private readonly Option<bool> _sharesPrefix = OptionKinds.Flag("--shared_prefix", "Compute what all rows begin with once, as train does (default: false).");
        private readonly Option<string> _dtype = ComputeOptions.TypeOption(ComputeType.Auto);
        private readonly Option<string> _weights = OptionKinds.OneOf("--weights", $"Form of the weights of {ServeCase} and {DecodeCase}.", ["nf4", "bf16", "fp16", "fp32"]);
        private readonly Option<string?> _text = OptionKinds.Text("--text", "FILE", "Text that they encode (default: the sample).");
        private readonly Option<string?> _report = OptionKinds.Text("--report", "FILE", $"Write the figures of {AllCases} as a page in one file.");

        private readonly Option<bool> _quick = OptionKinds.Flag(
            BenchmarkSuite.QuickOption, "Tiny sizes and single samples: shows that everything is measured, not how fast it is (default: false).");

        private readonly Option<string[]> _tokenizers = new("--tokenizer")
        {
            HelpName = "DIR", Description = $"Tokenizers that {KernelsCase} measures (default: the embedded base's).", AllowMultipleArgumentsPerToken = true,
        };

        public BenchOptions(Command command)
        {
            command.Add(_case);
            foreach (var option in (Option[])[_shape, _layers, _sharesPrefix, _dtype, _weights, _tokenizers, _text, _quick, _report, Json])
            {
                command.Add(option);
            }
        }

        public Option<string?> Json { get; } = JsonOutput.Option();

        /// <summary>The cases, as the call wants them measured.</summary>
        public BenchmarkCases CasesOf(ParseResult parsed, StatusLine status) =>
            new(parsed.GetValue(_quick) ? BenchmarkEffort.Quick : BenchmarkEffort.Full, parsed.GetValue(_dtype)!, status);

        /// <summary>The case that the call names, ready to run.</summary>
        public Func<JsonObject> Choose(ParseResult parsed, BenchmarkCases cases)
        {
            var (what, shape, weights) = (parsed.GetValue(_case)!, parsed.GetValue(_shape), parsed.GetValue(_weights)!);
            Check(parsed, what);
            return what switch
            {
                TrainCase => () => cases.Train(shape, parsed.GetValue(_layers), parsed.GetValue(_sharesPrefix)),
                ServeCase => () => cases.Serve(shape, weights),
                DecodeCase => () => cases.Decode(shape, weights),
                KernelsCase => () => cases.Kernels(parsed.GetValue(_tokenizers), parsed.GetValue(_text)),
                PeakCase => cases.Peak,
                StartupCase => cases.Startup,
                AllCases => () => cases.All(parsed.GetValue(_report)),
                _ => throw new OptionsException(new Problem(
                    "bench", "this case is not measured",
                    string.Join(", ", TrainCase, ServeCase, DecodeCase, KernelsCase, PeakCase, StartupCase) + $" or {AllCases}", $"'{what}'")),
            };
        }

        /// <summary>Refuses options that the case would not heed where that would be a surprise.</summary>
        private void Check(ParseResult parsed, string what)
        {
            if (what == AllCases)
            {
                Problem[] unheeded =
                [
                    .. ((Option[])[_shape, _layers, _sharesPrefix, _dtype, _weights, _tokenizers, _text])
                        .Where(option => parsed.GetResult(option) is { Implicit: false })
                        .Select(option => new Problem(option.Name, $"{AllCases} measures what it always measures", "no such option")),
                ];
                if (unheeded.Length > 0)
                {
                    throw new OptionsException(unheeded);
                }
            }

            if (parsed.GetValue(_report) is { } page)
            {
                OutputPath.Require(_report.Name, page);
                if (what != AllCases)
                {
                    throw new OptionsException(new Problem(_report.Name, "only a run of everything makes a page", $"bench {AllCases}", $"bench {what}"));
                }
            }
        }
    }
}
