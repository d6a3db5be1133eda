using System.CommandLine;
using Guanxi.Cli.Ranks;
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Reporting;
using Guanxi.Transformers;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Cli.Commands;

/// <summary><c>evaluate</c>: how well a model, a server or a file of predictions agrees with the truth.</summary>
internal static class EvaluateCommand
{
    private const string Summary = "Measures how well a model, a server or a file of predictions agrees with labelled rows.";
    private const string Constrained = "constrained";
    private const string Generate = "generate";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("evaluate", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("evaluate", Summary)
        {
            Examples =
            [
                SampleCalls.Evaluate,
                $"{SampleCalls.Evaluate} --decoding generate --max_rows 50 --json -",
                $"{SampleCalls.Evaluate} --report {SampleCalls.Model}/report",
                $"./guanxi evaluate --predictions {SampleCalls.Model}/report/predictions.jsonl",
                $"./guanxi evaluate --url http://127.0.0.1:5000 --data {SampleCalls.TestFile}",
            ],
        };
        var options = new Options(command);
        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            return options.Ranks.Run(parsed, NotToBeShared(parsed, options), status, ranks => Run(parsed, options, ranks, status));
        });
        return command;
    }

    /// <summary>Why ranks cannot share the rows of a call.</summary>
    private static Problem? NotToBeShared(ParseResult parsed, Options options) => parsed.GetValue(options.Model.Model) is null
        ? new Problem("evaluate", "only the rows of a model can be shared by several processes", "--model")
        : DataRows.NotToBeShared("--data", parsed.GetValue(options.Data));

    private static int Run(ParseResult parsed, Options options, RankGroup ranks, StatusLine status)
    {
        using var stop = new StopSignals(() => status.Say("stopping"));
        if (RankVariables.IsLaunchedHere)
        {
            stop.ListenToInput();
        }

        if (!ranks.IsFirst)
        {
            _ = Evaluate(parsed, options, ranks, StatusLine.Silent, stop.Token);
            return ExitCode.Done;
        }

        var json = JsonOutput.Of(parsed.GetValue(options.Json));
        var report = ReportFolder.Of(parsed.GetValue(options.Report));
        var trained = TrainedRows.Of(parsed.GetValue(options.Model.Model), parsed.GetValue(options.TrainFile), status);
        var (evaluation, context) = Evaluate(parsed, options, ranks, status, stop.Token);
        Tell(evaluation, status);
        evaluation = trained is null ? evaluation : evaluation.WithTrained(trained);
        Console.Out.Write(evaluation.Result.Report.ToString());
        json.Write(evaluation.Result.ToJson());
        report?.Write(evaluation, context);
        return ExitCode.Done;
    }

    private static (Evaluation Evaluation, ReportContext Context) Evaluate(
        ParseResult parsed, Options options, RankGroup ranks, StatusLine status, CancellationToken stop)
    {
        var (model, url, predictions) = (parsed.GetValue(options.Model.Model), parsed.GetValue(options.Url), parsed.GetValue(options.Predictions));
        string[] given = [.. ((string?[])[model, url, predictions]).OfType<string>()];
        if (given.Length != 1)
        {
            throw new OptionsException(new Problem("evaluate", "what to evaluate is not clear",
                "one of --model, --url and --predictions", given.Length == 0 ? "none of them" : $"{given.Length} of them"));
        }

        var (labels, data) = (options.Task.Labels(parsed), parsed.GetValue(options.Data));
        if (predictions is not null)
        {
            return (PredictionEvaluation.Of(predictions, data, labels), ReportFacts.Of("Predictions", predictions, data));
        }

        var rows = ReadRows(data, parsed.GetValue(options.MaxRows));
        var progress = new RowProgress(status, rows.Count);
        if (url is not null)
        {
            using var server = new RelationServer(url, TimeProvider.System);
            return (server.Evaluate(rows, labels ?? LabelsOf(rows, parsed), progress, stop), ReportFacts.Of("Server", url, data));
        }

        return EvaluateModel(model!, rows, parsed, options, labels, ranks, status, progress, stop);
    }

    private static (Evaluation Evaluation, ReportContext Context) EvaluateModel(
        string path, IReadOnlyList<RelationExample> rows, ParseResult parsed, Options options, RelationSchema? labels, RankGroup ranks, StatusLine status,
        RowProgress progress, CancellationToken stop)
    {
        var overrides = new TaskOverrides
        {
            Schema = labels,
            SchemaIfNone = () =>
            {
                status.Say($"{path} names no labels: those of the data are taken");
                return LabelsOf(rows, parsed);
            },
            PromptTemplate = options.Task.Prompt(parsed),
        };
        using var loaded = TrainedModel.Load(path, options.Model.Read(parsed, status.Say, ranks), overrides);
        SharedRows.RequireSame(ranks, loaded, parsed.GetValue(options.Data)!);
        var evaluator = new Evaluator(TimeProvider.System);
        using var classifier = new SharedClassifier(loaded.Classifier, ranks, stop);
        var evaluation = parsed.GetValue(options.Decoding) == Generate
            ? evaluator.Evaluate(loaded.Answers(AnswerGenerator.Greedy), rows, ranks, progress, stop)
            : evaluator.Evaluate(classifier, rows, progress, CancellationToken.None);
        return (evaluation, ReportFacts.OfModel(path, loaded.Info, parsed.GetValue(options.Data)));
    }

    private static IReadOnlyList<RelationExample> ReadRows(string? source, int? most)
    {
        if (source is null)
        {
            throw new OptionsException(new Problem("--data", "the option is missing", "a file of labelled rows"));
        }

        return DataRows.Read(source, most).RequireRelations();
    }

    private static RelationSchema LabelsOf(IReadOnlyList<RelationExample> rows, ParseResult parsed) =>
        RelationSchema.FromData(rows.Select(row => row.Label!), $"{parsed.CommandResult.Command.Name} --data");

    private static void Tell(Evaluation evaluation, StatusLine status)
    {
        var failed = evaluation.Rows.Where(row => row.Problem is not null).ToArray();
        if (failed.Length > 0)
        {
            status.Say($"{failed.Length} rows have no answer and count as wrong; the first: {failed[0].Problem}");
        }

        if (evaluation.Result.InvalidAnswers > failed.Length)
        {
            status.Say($"{evaluation.Result.InvalidAnswers - failed.Length} answers are none of the labels");
        }
    }

    private sealed class Options
    {
        public Options(Command command)
        {
            Model = new ModelOptions(command);
            Task = new TaskOptions(command);
            Ranks = new RankOptions(command);
            foreach (var option in (Option[])[Data, Decoding, MaxRows, Url, Predictions, TrainFile, Report, Json])
            {
                command.Add(option);
            }
        }

        public ModelOptions Model { get; }

        public TaskOptions Task { get; }

        public RankOptions Ranks { get; }

        public Option<string?> Data { get; } = OptionKinds.Text("--data", "FILE|-", "Labelled rows in any form that train reads.");

        public Option<string> Decoding { get; } =
            OptionKinds.OneOf("--decoding", "How the model answers: from the closed list of labels, or freely.", [Constrained, Generate]);

        public Option<int?> MaxRows { get; } = OptionKinds.Whole("--max_rows", "Only so many rows (default: all).", 1);

        public Option<string?> Url { get; } =
            OptionKinds.Text("--url", "URL", "Ask a server instead of a model: POST /people_rel_cls with text, people1 and people2.");

        public Option<string?> Predictions { get; } = OptionKinds.Text(
            "--predictions", "FILE", "Predictions that any system made: JSONL with gold or label and prediction, or one label a line with the truth from --data.");

        public Option<string?> TrainFile { get; } = OptionKinds.Text(
            "--train_file", "FILE", "Rows of the training, to score apart the rows whose sentence was trained on (default: those that the model's folder names).");

        public Option<string?> Report { get; } = OptionKinds.Text(
            "--report", "DIR", "Write a page to read (report.html), report.json, predictions.jsonl and confusion.svg into a folder.");

        public Option<string?> Json { get; } = JsonOutput.Option();
    }
}
