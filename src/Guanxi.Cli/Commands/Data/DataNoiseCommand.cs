using System.CommandLine;
using System.Globalization;
using Guanxi.Relations;
using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Cli.Commands.Data;

/// <summary><c>data noise</c>: rows whose label is worth a second look.</summary>
internal static class DataNoiseCommand
{
    private const string Summary = "Lists rows whose label a model trained on the other rows contradicts: the first are worth a second look.";
    private const int UsuallyShown = 20;

    /// <summary>The part of the verb.</summary>
    public static Verb Verb { get; } = new("noise", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("noise", Summary)
        {
            Examples = [$"./guanxi data noise {SampleCalls.TrainFile}", $"./guanxi data noise {SampleCalls.TrainFile} --folds 10 --json -"],
        };
        var usual = new LabelNoiseOptions();
        var files = DataFiles.Argument("Labelled rows; several files are judged as one.");
        var folds = OptionKinds.Whole("--folds", $"Models that are trained; each judges what it has not seen (default: {usual.Folds}).", 2);
        var seed = OptionKinds.Whole("--seed", $"Decides which rows share a fold (default: {usual.Seed}).", 0);
        var show = OptionKinds.Whole("--show", $"Rows to show; JSON always has all (default: {UsuallyShown}).", 0);
        var json = JsonOutput.Option();
        command.Add(files);
        foreach (var option in (Option[])[folds, seed, show, json])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            using var stop = new StopSignals(() => status.Say("stopping"));
            var output = DataFiles.Json(parsed.GetValue(json), parsed.GetValue(files)!);
            var options = new LabelNoiseOptions { Folds = parsed.GetValue(folds) ?? usual.Folds, Seed = parsed.GetValue(seed) ?? usual.Seed };
            var rows = DataFiles.Existing(parsed.GetValue(files)!, command).SelectMany(Read).ToArray();
            var report = LabelNoise.Find(rows, options, new FoldProgress(status, options.Folds), stop.Token);
            if (!output.IsToStandardOutput)
            {
                Show(report, parsed.GetValue(show) ?? UsuallyShown);
            }

            output.Write(Json(report, options));
            return ExitCode.Done;
        });
        return command;
    }

    private static IReadOnlyList<RelationExample> Read(string file) => DatasetReader.Read(file, new DatasetReadOptions()).RequireRelations();

    private static void Show(LabelNoiseReport report, int most)
    {
        var text = Console.Out;
        var agreed = string.Create(CultureInfo.InvariantCulture, $"{100.0 * report.Agreed / report.Rows:F1} %");
        text.WriteLine($"{report.Suspects.Count} of {report.Rows} rows are worth a second look; the judge agrees with the label of {agreed} of all rows");
        if (2 * report.Agreed < report.Rows)
        {
            text.WriteLine("The judge is weak on these rows: only the first of the list mean much.");
        }

        foreach (var suspect in report.Suspects.Take(most))
        {
            var (first, second) = Mentions.Locate(suspect.Row);
            var sentence = TextSpan.Cross(first, second) ? suspect.Row.Text : EntityMarkers.Mark(suspect.Row.Text, first, second);
            text.WriteLine();
            var (own, other) = (Shown(suspect.LabelProbability), Shown(suspect.SuggestedProbability));
            text.WriteLine($"{suspect.Row.Place}: {suspect.Row.Label} ({own}), rather {suspect.Suggested} ({other})");
            text.WriteLine($"  {sentence.ReplaceLineEndings(" ")}");
        }

        if (report.Suspects.Count > most)
        {
            text.WriteLine();
            text.WriteLine($"{report.Suspects.Count - most} more; --show {report.Suspects.Count} shows all");
        }
    }

    private static string Shown(double probability) => probability.ToString("F2", CultureInfo.InvariantCulture);

    private static string Json(LabelNoiseReport report, LabelNoiseOptions options)
    {
        var json = new JsonLineWriter();
        return json.StartObject()
            .Name("rows").Value(report.Rows)
            .Name("agreed_rows").Value(report.Agreed)
            .Name("folds").Value(options.Folds)
            .Name("seed").Value(options.Seed)
            .Name("suspects").List(report.Suspects, suspect => json.StartObject()
                .Name("file").Value(suspect.Row.Place.File)
                .Name("row").Value(suspect.Row.Place.Row)
                .Name("line").Value(suspect.Row.Place.Line)
                .Name("text").Value(suspect.Row.Text)
                .Name("people1").Value(suspect.Row.Person1)
                .Name("people2").Value(suspect.Row.Person2)
                .Name("label").Value(suspect.Row.Label)
                .Name("suggested").Value(suspect.Suggested)
                .Name("label_probability").Value(suspect.LabelProbability)
                .Name("suggested_probability").Value(suspect.SuggestedProbability)
                .EndObject())
            .EndObject().ToString();
    }

    private sealed class FoldProgress(StatusLine status, int folds) : IProgress<int>
    {
        public void Report(int value) => status.Show($"{value} of {folds} models");
    }
}
