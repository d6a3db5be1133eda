using System.CommandLine;
using System.Globalization;
using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Cli.Commands.Data;

/// <summary><c>data split</c>: cuts data into files to train and test on.</summary>
internal static class DataSplitCommand
{
    private const string Summary = "Cuts data into files to train and test on: by sentence, by pair of names or at random, once or in folds.";

    private static readonly string[] s_groups = ["sentence", "pair", "none"];

    /// <summary>The part of the verb.</summary>
    public static Verb Verb { get; } = new("split", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("split", Summary)
        {
            Examples =
            [
                $"./guanxi data split {SampleCalls.TrainFile} --group sentence --test 0.2 --seed 42 --to runs/split",
                $"./guanxi data split {SampleCalls.TrainFile} {SampleCalls.TestFile} --group pair --dev 0.1 --test 0.1 --to runs/split",
                $"./guanxi data split {SampleCalls.TrainFile} --group none --folds 5 --to runs/folds --form jsonl",
            ],
        };
        var options = new Options(command);
        command.SetAction(parsed => Run(parsed, options, command));
        return command;
    }

    private static int Run(ParseResult parsed, Options options, Command command)
    {
        var output = DataFiles.Json(parsed.GetValue(options.Json), parsed.GetValue(options.Files)!);
        var files = DataFiles.Existing(parsed.GetValue(options.Files)!, command);
        var split = options.Read(parsed);
        var source = SourceRows.Read(files);
        var parts = DataSplit.Cut(source.Rows, split);
        DatasetFormat? form = parsed.GetValue(options.Form) is { } name and not Options.Own ? DatasetWriter.FormOf(name) : null;
        var template = DataFiles.Template(parsed.GetValue(options.Prompt), source.Rows.Select(DataSplit.LabelOf).OfType<string>());
        var folder = parsed.GetValue(options.To)!;
        var ending = source.IsCopied(form) ? Path.GetExtension(files[0]) : DatasetWriter.ExtensionOf(form ?? source.Format);
        string[] paths = [.. parts.Select(part => Path.Combine(folder, part.Name + ending))];
        DataFiles.KeepInputs(paths, files);
        EncodedRows[] contents = [.. parts.Select(part => source.Encode(part.Rows, form, template))];
        RequireAll(contents, files[0]);
        foreach (var (path, content) in paths.Zip(contents))
        {
            DataFiles.Write(path, content.Content);
        }

        if (!source.IsCopied(form) && source.OtherFields.Count > 0)
        {
            Console.Error.WriteLine($"warning: columns that are not written: {string.Join(", ", source.OtherFields)}");
        }

        if (!output.IsToStandardOutput)
        {
            Show(parts, paths, source.Rows.Count);
        }

        output.Write(Json(parts, paths, split, DatasetWriter.NameOf(form ?? source.Format)));
        return ExitCode.Done;
    }

    /// <summary>A split that loses rows would be another data set.</summary>
    private static void RequireAll(EncodedRows[] contents, string where)
    {
        Problem[] problems =
        [
            .. contents.SelectMany(content => content.LeftOut).Select(row => new Problem($"{row.Place}", row.Why, Hint: "--form jsonl holds every row.")),
        ];
        if (problems.Length > 0)
        {
            throw new OptionsException(Problem.First(problems, where));
        }

        foreach (var change in contents.SelectMany(content => content.Changed))
        {
            Console.Error.WriteLine($"warning: {change.Place}: {change.Why}");
        }
    }

    private static void Show(IReadOnlyList<DataPart> parts, string[] paths, int all)
    {
        foreach (var (part, path) in parts.Zip(paths))
        {
            var share = (100.0 * part.Rows.Count / all).ToString("F1", CultureInfo.InvariantCulture);
            Console.Out.WriteLine($"{path}: {part.Rows.Count} rows ({share} %)");
            if (!part.Name.EndsWith(DataSplit.Train, StringComparison.Ordinal))
            {
                Console.Out.WriteLine(
                    $"  also in train: {part.LeakedSentences} of their sentences, {part.LeakedCopies} with the same pair; "
                    + $"{part.LeakedPairs} of their pairs of names");
            }
        }

        // Of folds every row is in one test part, so that these columns say all.
        DataPart[] columns = [.. parts.Where(part => part.Name == DataSplit.Train || !part.Name.EndsWith(DataSplit.Train, StringComparison.Ordinal))];
        string[] labels = [.. columns.SelectMany(part => part.Labels).Select(label => label.Key).Distinct()];
        if (labels.Length == 0)
        {
            return;
        }

        Console.Out.WriteLine();
        var width = labels.Max(LabelBars.Width);
        Console.Out.WriteLine($"  {new string(' ', width)}{string.Concat(columns.Select(part => $"  {part.Name.Split('/')[0],7}"))}");
        foreach (var label in labels)
        {
            var counts = columns.Select(part => part.Labels.FirstOrDefault(count => count.Key == label).Value);
            var cells = string.Concat(counts.Select(count => $"  {count,7}"));
            Console.Out.WriteLine($"  {label}{new string(' ', width - LabelBars.Width(label))}{cells}");
        }
    }

    private static string Json(IReadOnlyList<DataPart> parts, string[] paths, DataSplitOptions options, string form)
    {
        var json = new JsonLineWriter();
        return json.StartObject()
            .Name("group").Value($"{options.Group}".ToLowerInvariant())
            .Name("seed").Value(options.Seed)
            .Name("folds").Value((double?)options.Folds)
            .Name("form").Value(form)
            .Name("parts").List([.. parts.Zip(paths)], pair =>
            {
                json.StartObject()
                    .Name("name").Value(pair.First.Name)
                    .Name("file").Value(pair.Second)
                    .Name("rows").Value(pair.First.Rows.Count)
                    .Name("labels").StartObject();
                foreach (var (label, rows) in pair.First.Labels)
                {
                    json.Name(label).Value(rows);
                }

                json.EndObject()
                    .Name("leaked_sentences").Value(pair.First.LeakedSentences)
                    .Name("leaked_copies").Value(pair.First.LeakedCopies)
                    .Name("leaked_pairs").Value(pair.First.LeakedPairs)
                    .EndObject();
            })
            .EndObject().ToString();
    }

    private sealed class Options
    {
        /// <summary>The form of the files that are read.</summary>
        public const string Own = "own";

        private static readonly DataSplitOptions s_usual = new();

        private readonly Option<string> _group =
            OptionKinds.OneOf("--group", "What is in one file only: a sentence, a pair of names, or no more than a row, label by label.", s_groups);

        private readonly Option<double?> _test =
            OptionKinds.Real("--test", FormattableString.Invariant($"Share of the rows to test on (default: {s_usual.Test})."));
        private readonly Option<double?> _dev = OptionKinds.Real("--dev", "Share of the rows to choose by during training (default: none).");
        private readonly Option<int?> _folds = OptionKinds.Whole("--folds", "Folds instead of one cut: every row is tested on once.", 2);
        private readonly Option<int?> _seed = OptionKinds.Whole("--seed", $"The same seed gives the same files (default: {s_usual.Seed}).", 0);

        public Options(Command command)
        {
            command.Add(Files);
            foreach (var option in (Option[])[_group, _test, _dev, _folds, _seed, To, Form, Prompt, Json])
            {
                command.Add(option);
            }
        }

        public Argument<string[]> Files { get; } =
            DataFiles.Argument("Data in any form that train reads; the rows of several files are put together.");

        public Option<string> To { get; } =
            OptionKinds.Required("--to", "DIR", "Folder for train and test, for dev with --dev, for fold-1 and so on with --folds.");

        public Option<string> Form { get; } =
            OptionKinds.OneOf("--form", "Form of the new files; own keeps the rows byte for byte.", [Own, .. DatasetWriter.FormNames]);

        public Option<string?> Prompt { get; } = DataFiles.Prompt();

        public Option<string?> Json { get; } = JsonOutput.Option();

        public DataSplitOptions Read(ParseResult parsed)
        {
            var folds = parsed.GetValue(_folds);
            if (folds is not null && (parsed.GetValue(_test) ?? parsed.GetValue(_dev)) is not null)
            {
                throw new OptionsException(new Problem("--folds", "folds have no shares", "--folds alone, or --test and --dev"));
            }

            return new DataSplitOptions
            {
                Test = parsed.GetValue(_test) ?? s_usual.Test,
                Dev = parsed.GetValue(_dev) ?? s_usual.Dev,
                Folds = folds,
                Seed = parsed.GetValue(_seed) ?? s_usual.Seed,
                Group = parsed.GetValue(_group) switch { "pair" => SplitGroup.Pair, "none" => SplitGroup.None, _ => SplitGroup.Sentence },
            };
        }
    }
}
