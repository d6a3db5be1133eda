using System.CommandLine;
using Guanxi.Cli.Training;
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Comparison;
using Guanxi.Relations.Reporting;
using Guanxi.Relations.Training;
using Guanxi.Transformers;

namespace Guanxi.Cli.Commands;

/// <summary><c>compare</c>: which of several systems is better, and what of that is chance.</summary>
internal static class CompareCommand
{
    private const string Summary = "Compares systems on the same rows and says which differences are more than chance.";
    private const string TableFile = "comparison.txt";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("compare", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("compare", Summary)
        {
            Examples =
            [
                $"./guanxi compare --runs qlora={SampleCalls.Model} linear={SampleCalls.LinearModel} --data {SampleCalls.TestFile}",
                $"./guanxi compare --runs {SampleCalls.Model}/report {SampleCalls.LinearModel}/report --report runs/comparison",
                "./guanxi compare --config recipes/full-lora-qlora.json --report runs/full-lora-qlora/report",
            ],
        };
        var runs = new Option<string[]>("--runs")
        {
            HelpName = "[NAME=]PATH",
            Description = "Models, folders that evaluate --report wrote, or files of predictions; runs of one name are seeds of one system.",
            AllowMultipleArgumentsPerToken = true,
        };
        var config = OptionKinds.Text("--config", "FILE", "A comparison that trains its systems first; runs that are finished are taken as they are.");
        var data = OptionKinds.Text("--data", "FILE", "Labelled rows that models answer, or the truth of predictions that do not carry it.");
        var report = OptionKinds.Text("--report", "DIR", $"Write a page to read ({ReportFolder.PageFile}), {TableFile} and {ReportFolder.JsonFile} into a folder.");
        var computing = new ComputeOptions(command);
        var json = JsonOutput.Option();
        foreach (var option in (Option[])[runs, config, data, report, json])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            using var stop = new StopSignals(() => status.Say("stopping"));
            var (output, folder) = (JsonOutput.Of(parsed.GetValue(json)), ReportFolder.Of(parsed.GetValue(report)));
            var (named, file) = (parsed.GetValue(runs) ?? [], parsed.GetValue(config));
            if (named.Length > 0 == file is not null)
            {
                throw new OptionsException(new Problem("compare", "what to compare is not clear", "either --runs or --config", named.Length > 0 ? "both" : "neither"));
            }

            var answers = new Answers(parsed.GetValue(data), () => computing.Read(parsed, status.Say), status, stop.Token);
            var trained = file is null ? null : ComparisonConfig.Read(file, parsed.GetValue(data), status.Say);
            List<Answered> systems = trained is null ? [.. named.Select(run => answers.Of(run))] : Trained(trained, answers, status, stop.Token);
            Show(Compare(systems, trained), ReportFacts.OfSystems(systems, trained?.TestFile ?? parsed.GetValue(data)), folder, output);
            return ExitCode.Done;
        });
        return command;
    }

    private static SystemComparison Compare(List<Answered> answered, ComparisonConfig? trained)
    {
        var gold = answered[0].Gold;
        if (answered.FirstOrDefault(run => !run.Gold.SequenceEqual(gold)) is { } other)
        {
            throw new OptionsException(new Problem(
                other.Path, "its rows are not those of the first", $"the {gold.Count} true labels of {answered[0].Path}", $"{other.Gold.Count} others"));
        }

        var systems = answered.GroupBy(run => run.Name).Select(group => new ComparedSystem(group.Key, [.. group.Select(run => run.Predicted)])
        {
            Published = trained?.Runs.First(run => run.System == group.Key).Published,
        });
        return SystemComparison.Of(gold, [.. systems], SystemComparison.UsualResamples);
    }

    private static List<Answered> Trained(ComparisonConfig config, Answers answers, StatusLine status, CancellationToken stop)
    {
        var answered = new List<Answered>();
        foreach (var run in config.Runs)
        {
            status.Say($"{run.Arguments.OutputDir}:");
            if (!TrainingJob.Run(run.Arguments, new TrainProgress(status, run.Arguments.LoggingSteps, isShown: true), TimeProvider.System, stop))
            {
                throw new OperationCanceledException(stop);
            }

            answered.Add(answers.OfModel(run.System, run.Arguments.OutputDir!, config.TestFile));
        }

        return answered;
    }

    private static void Show(SystemComparison comparison, ReportContext context, ReportFolder? report, JsonOutput output)
    {
        var (text, json) = (ComparisonText.Write(comparison), ComparisonText.ToJson(comparison));
        if (!output.IsToStandardOutput)
        {
            Console.Out.Write(text);
        }

        output.Write(json);
        report?.Write(TableFile, text);
        report?.Write(ReportFolder.JsonFile, json + "\n");
        report?.Write(ReportFolder.PageFile, ComparisonReport.ToHtml(comparison, context));
    }
}
