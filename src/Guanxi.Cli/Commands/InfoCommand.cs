using System.CommandLine;
using Guanxi.Cli.Inspection;
using Guanxi.Transformers;
using Guanxi.Transformers.Hubs;

namespace Guanxi.Cli.Commands;

/// <summary><c>info</c>: what a model folder or the folder of a run holds.</summary>
internal static class InfoCommand
{
    private const string Summary = "Tells what a model folder or the folder of a training run holds, and whether it fits into memory.";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("info", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("info", Summary)
        {
            Examples = [$"./guanxi info {SampleCalls.Base}", $"./guanxi info {SampleCalls.Model} --json -"],
        };
        var path = new Argument<string>("PATH") { Description = "The folder." };
        var baseModel = ModelOptions.BaseOption();
        var json = JsonOutput.Option();
        command.Add(path);
        command.Add(baseModel);
        command.Add(json);
        command.SetAction(parsed =>
        {
            var output = JsonOutput.Of(parsed.GetValue(json));
            var facts = Look(parsed.GetValue(path)!, parsed.GetValue(baseModel));
            if (!output.IsToStandardOutput)
            {
                Facts.Show(facts, Console.Out);
            }

            output.Write(Facts.ToJson(facts));
            return ExitCode.Done;
        });
        return command;
    }

    private static List<Fact> Look(string path, string? baseModel)
    {
        path = HubCache.OfProcess.Resolve(path);
        var (isRun, isModel) = (RunInspection.IsRun(path), ModelInspection.IsModel(path));
        if (!isRun && !isModel)
        {
            throw new OptionsException(new Problem(path, "there is nothing to tell about", "the folder of a model or of a training run",
                File.Exists(path) ? "a file" : Directory.Exists(path) ? "a folder with neither config.json, adapter_config.json nor train_log.jsonl" : "nothing",
                HubCache.DownloadHint(path)));
        }

        return [Fact.Of("path", "path", path), .. isRun ? RunInspection.Of(path) : [], .. isModel ? ModelInspection.Of(path, baseModel) : []];
    }
}
