using System.CommandLine;
using Guanxi.Relations.Artifacts;
using Guanxi.Torch;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli.Commands;

/// <summary><c>export</c>: writes a model for other programs.</summary>
internal static class ExportCommand
{
    private const string Summary = "Writes a model for other programs: a GGUF file for llama.cpp, or a Hugging Face folder.";
    private const string Gguf = "gguf";

    // In the order of how often they are asked for; a folder has no blocks.
    private static readonly Dictionary<string, (GgmlType Blocks, DType? Plain)> s_types = new()
    {
        ["f16"] = (GgmlType.F16, DType.Float16), ["bf16"] = (GgmlType.BF16, DType.BFloat16), ["f32"] = (GgmlType.F32, DType.Float32),
        ["q8_0"] = (GgmlType.Q8_0, null), ["q4_0"] = (GgmlType.Q4_0, null),
    };

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("export", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("export", Summary)
        {
            Examples =
            [
                $"./guanxi export --model {SampleCalls.Base} --format gguf --type q8_0 --save_path runs/base.gguf",
                $"./guanxi export --model runs/base.gguf --format hf --type bf16 --save_path runs/base-hf",
            ],
        };
        var model = ModelOptions.ModelOption();
        var baseModel = ModelOptions.BaseOption();
        var format = OptionKinds.OneOf("--format", "Form of the result; an adapter is merged on the way.", [Gguf, "hf"]);
        var type = OptionKinds.OneOf("--type", "How matrices are stored; a folder takes the first three.", [.. s_types.Keys]);
        var target = OptionKinds.Required("--save_path", "FILE|DIR", "The file or folder to make.");
        var json = JsonOutput.Option();
        foreach (var option in (Option[])[model, baseModel, format, type, target, json])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            var output = JsonOutput.Of(parsed.GetValue(json));
            var options = new LanguageModelOptions { BaseModel = parsed.GetValue(baseModel) };
            var (from, to, name) = (ModelOptions.Require(parsed, model), parsed.GetValue(target)!, parsed.GetValue(type)!);
            var (blocks, plain) = s_types[name];
            var notes = parsed.GetValue(format) == Gguf ? ModelConversion.WriteGguf(from, options, to, blocks)
                : plain is not null ? ModelConversion.WriteDense(from, options, to, plain)
                : throw new Transformers.OptionsException(new Transformers.Problem(
                    "--type", "a folder has no such blocks", "f16, bf16 or f32", name, "guanxi quantize writes 4 and 8 bits."));
            notes.ToList().ForEach(status.Say);
            WrittenModel.Tell(to, name, output);
            return ExitCode.Done;
        });
        return command;
    }
}
