using System.CommandLine;
using Guanxi.Cli.Ranks;
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Cli.Commands;

/// <summary><c>predict</c>: the relation of every row, with the probability of each label.</summary>
internal static class PredictCommand
{
    private const string Summary = "Tells the relation between the two that a sentence names, with the probability of each label.";

    // As many rows as one pass of the model takes; an answer is not held back for longer.
    private const int RowsAtOnce = 32;

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("predict", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("predict", Summary)
        {
            Examples =
            [
                SampleCalls.Predict,
                $"./guanxi predict --model {SampleCalls.Model} {SampleCalls.TestFile} > runs/predictions.jsonl",
                $"echo '{{\"text\": \"曹操带着曹植登上铜雀台\", \"people1\": \"曹操\", \"people2\": \"曹植\"}}' | ./guanxi predict --model {SampleCalls.Model} -",
            ],
        };
        var file = new Argument<string?>("FILE")
        {
            Description = "Rows in any form that train reads, labels not needed; - for standard input.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        command.Add(file);
        var model = new ModelOptions(command);
        var task = new TaskOptions(command);
        var one = new OneRowOptions(command);
        var strict = OptionKinds.Flag("--strict", "Whether one bad row ends it all before anything is predicted (default: false).");
        var json = JsonOutput.Option();
        var shared = new RankOptions(command);
        command.Add(strict);
        command.Add(json);
        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            return shared.Run(parsed, DataRows.NotToBeShared("FILE", parsed.GetValue(file)), status, ranks => Run(parsed, ranks, ranks.IsFirst ? status : StatusLine.Silent));
        });
        return command;

        int Run(ParseResult parsed, RankGroup ranks, StatusLine status)
        {
            // Alone it may be waiting for its input, which only the system can interrupt; a rank must not leave the others waiting.
            using var stop = RankVariables.IsLaunchedHere ? new StopSignals(() => { }) : null;
            stop?.ListenToInput();
            var output = ranks.IsFirst ? new RowOutput(JsonOutput.Of(parsed.GetValue(json))) : null;
            var path = ModelOptions.Require(parsed, model.Model);
            var single = one.Read(parsed);
            using var rows = Rows(single, parsed.GetValue(file), parsed.GetValue(strict)).GetEnumerator();
            var hasRow = rows.MoveNext();
            var overrides = new TaskOverrides { Schema = task.Labels(parsed), PromptTemplate = task.Prompt(parsed) };
            using var loaded = TrainedModel.Load(path, model.Read(parsed, status.Say, ranks), overrides);
            SharedRows.RequireSame(ranks, loaded, parsed.GetValue(file) ?? string.Empty);
            using var classifier = new SharedClassifier(loaded.Classifier, ranks, stop?.Token ?? CancellationToken.None);
            var bad = hasRow ? Predict(classifier, RowsAtOnce * ranks.WorldSize, rows, output, status) : 0;
            output?.Finish(single is not null);
            if (bad > 0)
            {
                status.Say($"{bad} rows could not be predicted: see their \"error\"");
            }

            return ExitCode.Done;
        }
    }

    private static IEnumerable<ReadRow> Rows(RelationExample? one, string? source, bool isStrict)
    {
        if (one is null == source is null)
        {
            throw new OptionsException(new Problem(
                "predict", "what to predict is not clear", "--text with --people1 and --people2, or a file, or -", one is null ? "none of them" : "both"));
        }

        if (one is not null)
        {
            return [new ReadRow(one.Place, one, [])];
        }

        return isStrict ? Checked(source!) : Open(source!);
    }

    /// <summary>Rows one by one, bad ones among them.</summary>
    private static IEnumerable<ReadRow> Open(string source)
    {
        var (stream, name) = InputRows.Open(source);
        using (stream)
        {
            using var data = DatasetReader.Open(stream, name, new DatasetReadOptions { RequireLabel = false });
            Dataset.RequireRelations(data.Kind, name);
            foreach (var row in data.Rows())
            {
                yield return row;
            }
        }
    }

    private static IEnumerable<ReadRow> Checked(string source)
    {
        var (stream, name) = InputRows.Open(source);
        using (stream)
        {
            var data = DatasetReader.Read(stream, name, new DatasetReadOptions { RequireLabel = false });
            return [.. data.RequireRelations().Select(row => new ReadRow(row.Place, row, []))];
        }
    }

    private static int Predict(IRelationClassifier classifier, int rowsAtOnce, IEnumerator<ReadRow> rows, RowOutput? output, StatusLine status)
    {
        var (done, bad) = (0, 0);
        for (var more = true; more;)
        {
            var chunk = new List<ReadRow>(rowsAtOnce);
            do
            {
                chunk.Add(rows.Current);
                more = rows.MoveNext();
            }
            while (more && chunk.Count < rowsAtOnce);

            bad += Answer(classifier, chunk, output);
            done += chunk.Count;
            RowOutput.Flush();
            status.Show($"{done} rows");
        }

        return bad;
    }

    private static int Answer(IRelationClassifier classifier, List<ReadRow> chunk, RowOutput? output)
    {
        RelationExample[] examples = [.. chunk.Select(row => row.Example).OfType<RelationExample>()];
        var answers = new Queue<ClassifiedRow>(classifier.Classify(examples));
        var bad = 0;
        foreach (var row in chunk)
        {
            var answer = row.Example is null ? null : answers.Dequeue();
            if (answer is { IsClassified: true })
            {
                output?.Write(Line((RelationExample)row.Example!, answer.Prediction, classifier.Schema));
                continue;
            }

            bad++;
            Problem[] problems = answer is null ? [.. row.Problems.Select(problem => problem.ToProblem())] : [answer.Problem!];
            output?.Write(PredictionRow.ErrorJson(row.Place.Row, string.Join("; ", problems.Select(problem => problem.ToString()))));
        }

        return bad;
    }

    private static string Line(RelationExample example, RelationPrediction prediction, RelationSchema schema) => new PredictionRow(
        example, prediction.Label, prediction.Confidence, [.. schema.Labels.Zip(prediction.Probabilities, KeyValuePair.Create)]).ToJson();

    /// <summary>One row given by options.</summary>
    private sealed class OneRowOptions
    {
        private readonly Option<string?> _text = OptionKinds.Text("--text", "TEXT", "One sentence, instead of a file; it may mark the two names with <e1> and <e2>.");
        private readonly Option<string?> _person1 = OptionKinds.Text("--people1", "NAME", "The first name, as the sentence spells it.");
        private readonly Option<string?> _person2 = OptionKinds.Text("--people2", "NAME", "The second name.");

        public OneRowOptions(Command command)
        {
            command.Add(_text);
            command.Add(_person1);
            command.Add(_person2);
        }

        /// <summary>The row; null when no option was given.</summary>
        /// <exception cref="OptionsException">Something about it is wrong.</exception>
        public RelationExample? Read(ParseResult parsed)
        {
            var input = new RelationInput(parsed.GetValue(_text), parsed.GetValue(_person1), parsed.GetValue(_person2));
            if (input is { Text: null, Person1: null, Person2: null })
            {
                return null;
            }

            var faults = new List<InputFault>();
            return input.Build(new SourcePlace("--text", 1, 1), requireLabel: false, null, faults)
                ?? throw new OptionsException([.. faults.Select(fault => fault.ToProblem($"--{fault.Field}"))]);
        }
    }
}
