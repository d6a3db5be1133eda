using System.CommandLine;
using System.Globalization;
using Guanxi.Cli.Inspection;
using Guanxi.Relations;
using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;

namespace Guanxi.Cli.Commands.Data;

/// <summary><c>data stats</c>: what is in data, in numbers.</summary>
internal static class DataStatsCommand
{
    private const string Summary = "Counts labels, lengths, ambiguous names, repeats and what leaks from one file into another.";

    /// <summary>The part of the verb.</summary>
    public static Verb Verb { get; } = new("stats", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("stats", Summary)
        {
            Examples =
            [
                $"./guanxi data stats {SampleCalls.TrainFile}",
                $"./guanxi data stats {SampleCalls.TrainFile} {SampleCalls.TestFile} --json -",
            ],
        };
        var files = DataFiles.Argument("Data in any form that train reads; of several files the first is what is trained on.");
        var json = JsonOutput.Option();
        command.Add(files);
        command.Add(json);
        command.SetAction(parsed =>
        {
            var output = DataFiles.Json(parsed.GetValue(json), parsed.GetValue(files)!);
            var counted = DataStatistics.Of(DataFiles.Existing(parsed.GetValue(files)!, command));
            if (!output.IsToStandardOutput)
            {
                foreach (var (index, file) in counted.Index())
                {
                    Show(file, isFirst: index == 0, Console.Out, hasBars: !Console.IsOutputRedirected);
                }
            }

            output.Write(Json(counted));
            return ExitCode.Done;
        });
        return command;
    }

    private static void Show(FileStatistics file, bool isFirst, TextWriter text, bool hasBars)
    {
        text.WriteLine(isFirst ? $"{file.File}" : $"\n{file.File}");
        if (file.Labels.Count > 0)
        {
            text.WriteLine();
            LabelBars.Show(file.Labels, file.Rows, text, hasBars);
            text.WriteLine();
        }

        Facts.Show([.. About(file, isFirst).Select(fact => new Fact($"  {fact.Heading}", fact.Text, null, _ => { }))], text);
    }

    private static IEnumerable<(string Heading, string Text)> About(FileStatistics file, bool isFirst)
    {
        string Of(int rows) => string.Create(CultureInfo.InvariantCulture, $"{rows} of {file.Rows} rows");
        yield return ("form", DatasetWriter.NameOf(file.Form));
        yield return ("rows", $"{file.Rows}{(file.BadRows > 0 ? $", and {file.BadRows} that cannot be read: guanxi data check names them" : "")}");
        if (file.Unlabelled > 0)
        {
            yield return ("without label", Of(file.Unlabelled));
        }

        var unit = file.Form == DatasetFormat.TokenizedJsonLines ? "tokens" : "characters";
        yield return ("length", $"median {file.Length.Median} {unit}, 95 of 100 rows up to {file.Length.P95}, longest {file.Length.Max}");
        var isRelations = Dataset.KindOf(file.Form) == DatasetKind.Relations;
        yield return (isRelations ? "different sentences" : "different questions", $"{file.DistinctSentences}");
        if (isRelations)
        {
            var mentions = file.Mentions;
            yield return ("different pairs", $"{mentions.DistinctPairs}");
            yield return ("first of the two first", Of(mentions.FirstPersonFirst));
            yield return ("a name more than once", Of(mentions.AmbiguousRows));
            yield return ("first occurrence wrong", Of(mentions.WrongFirstMentionRows));
            yield return ("name inside the other", Of(mentions.NameInNameRows));
            yield return ("mentions that overlap", Of(mentions.NestedRows));
            yield return ("pair in both orders", Of(file.BothOrders));
        }

        yield return ("repeats", Of(file.Duplicates));
        yield return ("contradictions", Of(file.Conflicts));
        if (!isFirst)
        {
            var share = file.Rows == 0 ? 0 : 100.0 * file.LeakedRows / file.Rows;
            yield return ("leakage", string.Create(CultureInfo.InvariantCulture,
                $"{Of(file.LeakedRows)} ({share:F1} %) have their sentence in a file before, {file.LeakedCopies} of them with the same pair"));
        }
    }

    private static string Json(IReadOnlyList<FileStatistics> files)
    {
        var json = new JsonLineWriter();
        return json.StartObject().Name("files").List(files, file =>
        {
            json.StartObject()
                .Name("file").Value(file.File)
                .Name("form").Value(DatasetWriter.NameOf(file.Form))
                .Name("rows").Value(file.Rows)
                .Name("bad_rows").Value(file.BadRows)
                .Name("unlabelled_rows").Value(file.Unlabelled)
                .Name("labels").StartObject();
            foreach (var (label, rows) in file.Labels)
            {
                json.Name(label).Value(rows);
            }

            json.EndObject()
                .Name("length").StartObject()
                .Name("median").Value(file.Length.Median)
                .Name("p95").Value(file.Length.P95)
                .Name("max").Value(file.Length.Max)
                .EndObject()
                .Name("distinct_sentences").Value(file.DistinctSentences)
                .Name("distinct_pairs").Value(file.Mentions.DistinctPairs)
                .Name("first_person_first_rows").Value(file.Mentions.FirstPersonFirst)
                .Name("ambiguous_rows").Value(file.Mentions.AmbiguousRows)
                .Name("wrong_first_mention_rows").Value(file.Mentions.WrongFirstMentionRows)
                .Name("name_in_name_rows").Value(file.Mentions.NameInNameRows)
                .Name("nested_rows").Value(file.Mentions.NestedRows)
                .Name("both_orders_rows").Value(file.BothOrders)
                .Name("duplicate_rows").Value(file.Duplicates)
                .Name("conflict_rows").Value(file.Conflicts)
                .Name("leaked_rows").Value(file.LeakedRows)
                .Name("leaked_copies").Value(file.LeakedCopies)
                .EndObject();
        }).EndObject().ToString();
    }
}
