using System.CommandLine;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Formats;
using Guanxi.Torch;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli.Commands;

/// <summary><c>merge</c>: adds an adapter to the weights of its base.</summary>
internal static class MergeCommand
{
    private const string Summary = "Merges an adapter into its base model, and shows on data that the answers stay.";

    private static readonly Dictionary<string, DType?> s_types = new()
    {
        ["stored"] = null, ["fp32"] = DType.Float32, ["fp16"] = DType.Float16, ["bf16"] = DType.BFloat16,
    };

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("merge", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("merge", Summary)
        {
            Examples =
            [
                $"./guanxi merge --adapter_name_or_path {SampleCalls.Model} --save_path {SampleCalls.Model}-merged",
                $"./guanxi merge --model_name_or_path {SampleCalls.Base} --adapter_name_or_path {SampleCalls.Model} "
                    + $"--save_path {SampleCalls.Model}-verified --verify {SampleCalls.TestFile} --json -",
            ],
        };
        var baseModel = OptionKinds.Text("--model_name_or_path", "DIR", "The base model (default: the one that the adapter names).");
        var adapter = OptionKinds.Required("--adapter_name_or_path", "DIR", "The adapter: a PEFT folder or what train wrote.");
        var target = OptionKinds.Required("--save_path", "DIR", "The folder to make.");
        var type = OptionKinds.OneOf("--save_dtype", "Type of the merged weights; stored is that of the base, of a 4-bit one what it was before.", [.. s_types.Keys]);
        var verify = OptionKinds.Text("--verify", "FILE|-", "Rows in any form that train reads: compare the merged model with the adapter on its base.");
        // What is compared is the merging: computed in bf16, both models round by more than merging changes.
        var computing = new ComputeOptions(command, "fp32");
        var json = JsonOutput.Option();
        foreach (var option in (Option[])[baseModel, adapter, target, type, verify, json])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            var output = JsonOutput.Of(parsed.GetValue(json));
            var data = parsed.GetValue(verify) is { } file ? DataRows.Read(file, null) : null;
            var options = computing.Read(parsed, status.Say) with { BaseModel = parsed.GetValue(baseModel) };
            var (from, to) = (parsed.GetValue(adapter)!, parsed.GetValue(target)!);
            RequireAdapter(from, options.BaseModel);
            ModelConversion.WriteDense(from, options, to, s_types[parsed.GetValue(type)!]).ToList().ForEach(status.Say);
            Tell(to, data is null ? null : Check(from, to, options, data, status), output);
            return ExitCode.Done;
        });
        return command;
    }

    private static MergeCheck Check(string adapter, string merged, LanguageModelOptions options, Dataset data, StatusLine status)
    {
        using var stop = new StopSignals(() => status.Say("stopping"));
        return MergeCheck.Compare(adapter, merged, options, data, new RowProgress(status, data.Examples.Count), stop.Token);
    }

    private static void RequireAdapter(string path, string? baseModel)
    {
        if (ModelFolder.Find(path, baseModel).Adapter is null)
        {
            throw new Transformers.OptionsException(new Transformers.Problem(
                "--adapter_name_or_path", "there is nothing to merge", "a folder with adapter_config.json", $"'{path}', a full model"));
        }
    }

    private static void Tell(string target, MergeCheck? check, JsonOutput output)
    {
        if (!output.IsToStandardOutput)
        {
            Console.Out.WriteLine($"merged: {target}");
            if (check is not null)
            {
                Console.Out.WriteLine($"largest difference of a logit {check.MaxLogitDifference:G3}; {check.LabelsChanged} of {check.Rows} labels changed");
            }
        }

        output.Write(new JsonLineWriter().StartObject()
            .Name("max_abs_logit_difference").Value(check?.MaxLogitDifference)
            .Name("labels_changed").Value((double?)check?.LabelsChanged)
            .Name("rows").Value(check?.Rows ?? 0)
            .Name("save_path").Value(target)
            .EndObject().ToString());
    }
}
