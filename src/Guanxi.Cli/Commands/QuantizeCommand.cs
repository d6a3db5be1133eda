using System.CommandLine;
using Guanxi.Relations.Artifacts;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli.Commands;

/// <summary><c>quantize</c>: writes a model with 4-bit or 8-bit layers.</summary>
internal static class QuantizeCommand
{
    private const string Summary = "Writes a model with its linear layers in 4 or 8 bits, as bitsandbytes stores them.";
    private const string EightBits = "8";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("quantize", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("quantize", Summary)
        {
            Examples = [$"./guanxi quantize --model {SampleCalls.Base} --save_path runs/base-nf4"],
        };
        var model = ModelOptions.ModelOption();
        var target = OptionKinds.Required("--save_path", "DIR", "The folder to make.");
        var bits = OptionKinds.OneOf("--bits", "Bits of a weight.", ["4", EightBits]);
        var kind = OptionKinds.OneOf("--quant_type", "Table of the 4-bit values.", ["nf4", "fp4"]);
        var isDouble = OptionKinds.FlagUsuallyOn("--double_quant", "Quantise the scales of 4-bit blocks too (default: true).");
        var json = JsonOutput.Option();
        foreach (var option in (Option[])[model, target, bits, kind, isDouble, json])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            var output = JsonOutput.Of(parsed.GetValue(json));
            var to = parsed.GetValue(target)!;
            var options = new LanguageModelOptions
            {
                Storage = parsed.GetValue(bits) == EightBits ? WeightStorage.Int8 : parsed.GetValue(kind) == "fp4" ? WeightStorage.Fp4 : WeightStorage.Nf4,
                UseDoubleQuantization = parsed.GetValue(isDouble),
            };
            ModelConversion.WriteQuantized(ModelOptions.Require(parsed, model), options, to).ToList().ForEach(status.Say);
            WrittenModel.Tell(to, options.Storage.ToString().ToLowerInvariant(), output);
            return ExitCode.Done;
        });
        return command;
    }
}
