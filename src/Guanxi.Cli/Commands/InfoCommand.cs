using System.CommandLine;
using Guanxi.Cli.Inspection;
using Guanxi.Transformers;
using Guanxi.Transformers.Hubs;
using Guanxi.Transformers.Models;

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
        var path = new Argument<string>("PATH") { Description = "The folder, or a .gguf file." };
        var baseModel = ModelOptions.BaseOption();
        var usual = new MemoryWork();
        var rows = OptionKinds.Whole("--rows", $"Rows of a micro-batch, for the memory of training (default: {usual.Rows}).", 1);
        var rowTokens = OptionKinds.Whole("--row_tokens", $"Tokens of a row (default: {usual.RowTokens}).", 1);
        var sharedTokens = OptionKinds.Whole("--shared_tokens", "Tokens that all rows begin with (default: 0).", 0);
        var rank = OptionKinds.Whole("--lora_rank", $"Rank of the adapters (default: {usual.LoraRank}).", 1);
        var json = JsonOutput.Option();
        command.Add(path);
        foreach (var option in (Option[])[baseModel, rows, rowTokens, sharedTokens, rank, json])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            var output = JsonOutput.Of(parsed.GetValue(json));
            var work = new MemoryWork
            {
                Rows = parsed.GetValue(rows) ?? usual.Rows,
                RowTokens = parsed.GetValue(rowTokens) ?? usual.RowTokens,
                SharedTokens = Math.Min(parsed.GetValue(sharedTokens) ?? usual.SharedTokens, parsed.GetValue(rowTokens) ?? usual.RowTokens),
                LoraRank = parsed.GetValue(rank) ?? usual.LoraRank,
            };
            var facts = Look(parsed.GetValue(path)!, parsed.GetValue(baseModel), work);
            if (!output.IsToStandardOutput)
            {
                Facts.Show(facts, Console.Out);
            }

            output.Write(Facts.ToJson(facts));
            return ExitCode.Done;
        });
        return command;
    }

    private static List<Fact> Look(string path, string? baseModel, MemoryWork work)
    {
        path = HubCache.OfProcess.Resolve(path);
        var (isRun, isModel) = (RunInspection.IsRun(path), ModelInspection.IsModel(path));
        if (!isRun && !isModel)
        {
            throw new OptionsException(new Problem(path, "there is nothing to tell about", "the folder of a model or of a training run, or a .gguf file",
                File.Exists(path) ? "a file" : Directory.Exists(path) ? "a folder with neither config.json, adapter_config.json nor train_log.jsonl" : "nothing",
                HubCache.DownloadHint(path)));
        }

        return [Fact.Of("path", "path", path), .. isRun ? RunInspection.Of(path) : [], .. isModel ? ModelInspection.Of(path, baseModel, work) : []];
    }
}
