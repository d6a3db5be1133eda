using System.CommandLine;
using Guanxi.Relations;
using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Prompts;

namespace Guanxi.Cli.Commands.Data;

/// <summary><c>data check</c>: what spoils training or evaluation, with file, line and column.</summary>
internal static class DataCheckCommand
{
    private const string Summary = "Finds broken rows, contradictions, leakage and ambiguous names; exit code 1 when something is an error.";
    private const int UsuallyShown = 10;

    /// <summary>The part of the verb.</summary>
    public static Verb Verb { get; } = new("check", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("check", Summary)
        {
            Examples =
            [
                $"./guanxi data check {SampleCalls.TrainFile} {SampleCalls.TestFile}",
                $"./guanxi data check {SampleCalls.TrainFile} --max_characters 40 --json -",
            ],
        };
        var files = DataFiles.Argument("Data in any form that train reads; of several files the first is what is trained on.");
        var labels = OptionKinds.Text("--labels_file", "FILE", "Labels, one a line, aliases after = (default: those of the first file).");
        var characters = OptionKinds.Whole("--max_characters", $"Sentences with more are told of (default: {new DataCheckOptions().MaxCharacters}).", 1);
        var unlabelled = OptionKinds.Flag("--unlabelled", "Rows without label are no error.");
        var prompt = OptionKinds.Text("--prompt_template", "TEXT|FILE", "A question whose list of labels is held against those of the data.");
        var show = OptionKinds.Whole("--show", $"Findings to show of each rule; JSON always has all (default: {UsuallyShown}).", 0);
        var json = JsonOutput.Option();
        command.Add(files);
        foreach (var option in (Option[])[labels, characters, unlabelled, prompt, show, json])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            var output = JsonOutput.Of(parsed.GetValue(json));
            var usual = new DataCheckOptions();
            var options = usual with
            {
                Schema = parsed.GetValue(labels) is { } file ? LabelsFile.Read(file) : null,
                MaxCharacters = parsed.GetValue(characters) ?? usual.MaxCharacters,
                RequireLabel = !parsed.GetValue(unlabelled),
            };
            var paths = DataFiles.Existing(parsed.GetValue(files)!, command);
            List<Finding> findings = [.. DataChecker.Check(paths, options)];
            if (parsed.GetValue(prompt) is { } template)
            {
                findings.AddRange(AboutPrompt(template, paths[0], options.Schema));
            }

            if (!output.IsToStandardOutput)
            {
                Show(findings, parsed.GetValue(show) ?? UsuallyShown);
            }

            output.Write(Json(findings));
            return findings.Any(IsError) ? ExitCode.Failed : ExitCode.Done;
        });
        return command;
    }

    private static IReadOnlyList<Finding> AboutPrompt(string given, string file, RelationSchema? schema)
    {
        var labels = schema is not null ? [] : DatasetReader.Read(file, new DatasetReadOptions { Lenient = true, RequireLabel = false }).Relations
            .Select(row => row.Label).OfType<string>().ToArray();
        schema ??= RelationSchema.FromData(labels, file);
        return PromptLabelCheck.Check(PromptTemplate.Parse(PromptTemplate.ReadText(given), schema.Labels, "--prompt_template"), schema, "--prompt_template");
    }

    private static void Show(List<Finding> findings, int most)
    {
        var shown = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var finding in findings)
        {
            var count = shown[finding.Rule] = shown.GetValueOrDefault(finding.Rule) + 1;
            if (count <= most)
            {
                Console.Out.WriteLine(finding);
            }
        }

        if (findings.Count > 0)
        {
            Console.Out.WriteLine();
        }

        foreach (var (rule, count) in shown.OrderByDescending(rule => rule.Value).ThenBy(rule => rule.Key, StringComparer.Ordinal))
        {
            Console.Out.WriteLine($"  {rule.PadRight(20)}{count,6}{(count > most ? $"  ({most} shown; --show {count} shows all)" : "")}");
        }

        var errors = findings.Count(IsError);
        Console.Out.WriteLine($"{errors} errors, {findings.Count - errors} warnings");
    }

    private static string Json(List<Finding> findings)
    {
        var json = new JsonLineWriter();
        return json.StartObject()
            .Name("findings").List(findings, finding => finding.Write(json))
            .Name("errors").Value(findings.Count(IsError))
            .Name("warnings").Value(findings.Count(finding => !IsError(finding)))
            .EndObject().ToString();
    }

    private static bool IsError(Finding finding) => finding.Severity == FindingSeverity.Error;
}
