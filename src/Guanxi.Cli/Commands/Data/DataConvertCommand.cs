using System.CommandLine;
using Guanxi.Relations;
using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Prompts;
using Guanxi.Transformers;

namespace Guanxi.Cli.Commands.Data;

/// <summary><c>data convert</c>: the same rows in another form.</summary>
internal static class DataConvertCommand
{
    private const string Summary = "Writes data in another form; what the form cannot hold is told, and nothing is lost unasked.";
    private const int MostTold = 10;

    /// <summary>The part of the verb.</summary>
    public static Verb Verb { get; } = new("convert", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("convert", Summary)
        {
            Examples =
            [
                $"./guanxi data convert {SampleCalls.TestFile} runs/test.xlsx",
                $"./guanxi data convert {SampleCalls.TestFile} runs/test.jsonl --form firefly",
                $"./guanxi data convert {SampleCalls.TestFile} runs/test.txt --lossy --json -",
                $"./guanxi data convert {SampleCalls.TestFile} runs/rows.csv --encoding utf-8",
            ],
        };
        var options = new Options(command);
        command.SetAction(parsed => Run(parsed, options, command));
        return command;
    }

    private static int Run(ParseResult parsed, Options options, Command command)
    {
        var output = DataFiles.Json(parsed.GetValue(options.Json), [parsed.GetValue(options.From)!]);
        var (from, to) = (DataFiles.Existing([parsed.GetValue(options.From)!], command)[0], parsed.GetValue(options.To)!);
        DataFiles.KeepInputs([to], [from]);
        var form = DataFiles.FormOf(parsed.GetValue(options.Form)!, to);
        var isLossy = parsed.GetValue(options.Lossy);
        var source = Read(parsed, options, from, isLossy);
        var template = DataFiles.Template(parsed.GetValue(options.Prompt), source.Data.Examples.Select(DataSplit.LabelOf).OfType<string>());
        var unread = source.Data.Problems.Select(problem => new ConversionLoss(problem.Place, $"it cannot be read: {problem.What}")).ToList();
        var rows = Relations(source.Data, form, template, unread);
        var encoded = DatasetWriter.Encode(rows, form, template);
        ConversionLoss[] leftOut = [.. unread.Concat(encoded.LeftOut).OrderBy(row => row.Place.Row)];
        if (encoded.Count == 0 || (leftOut.Length > 0 && !isLossy))
        {
            Problem[] problems = [.. leftOut.Select(row => new Problem($"{row.Place}", row.Why))];
            const string Hint = "--form jsonl holds every row that can be read; --lossy leaves these rows out.";
            throw new OptionsException([.. Problem.First(problems, from), new Problem(to, "nothing was written", Hint: Hint)]);
        }

        DataFiles.Write(to, encoded.Content);
        foreach (var (what, losses) in new[] { ("left out", leftOut), ("changed", [.. encoded.Changed]) })
        {
            Warn(what, losses);
        }

        if (source.Others.Count > 0)
        {
            Console.Error.WriteLine($"warning: columns that are not written: {string.Join(", ", source.Others)}");
        }

        if (!output.IsToStandardOutput)
        {
            Console.Out.WriteLine($"{to}: {encoded.Count} rows as {DatasetWriter.NameOf(form)}, from {DatasetWriter.NameOf(source.Data.Format)}");
        }

        output.Write(Json(source.Data, to, form, encoded, leftOut, source.Others));
        return ExitCode.Done;
    }

    private static (Dataset Data, IReadOnlyList<string> Others) Read(ParseResult parsed, Options options, string from, bool isLossy)
    {
        var schema = parsed.GetValue(options.Labels) is { } file ? LabelsFile.Read(file) : null;
        var reading = new DatasetReadOptions { Lenient = isLossy, RequireLabel = false, Schema = schema };
        var encoding = parsed.GetValue(options.Encoding)!;
        using var stream = encoding == DataFiles.Auto ? TextFile.Open(from) : TextDecoding.Open(from, encoding);
        using var open = DatasetReader.Open(stream, from, reading);
        var data = DatasetReader.Collect(open, reading);
        return (data, [.. open.OtherFields]);
    }

    private static IReadOnlyList<RelationExample> Relations(Dataset data, DatasetFormat form, PromptTemplate template, List<ConversionLoss> unread)
    {
        if (data.Kind == DatasetKind.Tokenized || (data.Kind == DatasetKind.Instructions && form == DatasetFormat.FireflyJsonLines))
        {
            throw new OptionsException(new Problem(
                data.File, "there is no way from this form to that",
                "rows with sentence and people, or Firefly rows whose question is that of --prompt_template",
                $"{DatasetWriter.NameOf(data.Format)} to {DatasetWriter.NameOf(form)}"));
        }

        if (data.Kind == DatasetKind.Relations)
        {
            return data.Relations;
        }

        var rows = new List<RelationExample>();
        foreach (var instruction in data.Instructions)
        {
            if (InstructionRelations.Find(instruction, template) is { } row)
            {
                rows.Add(row);
            }
            else
            {
                unread.Add(new ConversionLoss(instruction.Place, "sentence and people cannot be told from its question by --prompt_template"));
            }
        }

        return rows;
    }

    private static void Warn(string what, ConversionLoss[] losses)
    {
        foreach (var loss in losses.Take(MostTold))
        {
            Console.Error.WriteLine($"warning: {loss.Place}: {what}: {loss.Why}");
        }

        if (losses.Length > MostTold)
        {
            Console.Error.WriteLine($"warning: {losses.Length - MostTold} more rows are {what}; --json lists them all");
        }
    }

    private static string Json(
        Dataset from, string to, DatasetFormat form, EncodedRows encoded, ConversionLoss[] leftOut, IReadOnlyList<string> others)
    {
        var json = new JsonLineWriter();
        json.StartObject()
            .Name("from").Value(from.File)
            .Name("from_form").Value(DatasetWriter.NameOf(from.Format))
            .Name("to").Value(to)
            .Name("to_form").Value(DatasetWriter.NameOf(form))
            .Name("rows").Value(encoded.Count)
            .Name("left_out").List(leftOut, Write)
            .Name("changed").List(encoded.Changed, Write)
            .Name("fields_not_written").List(others);
        return json.EndObject().ToString();

        void Write(ConversionLoss loss) => json.StartObject()
            .Name("file").Value(loss.Place.File)
            .Name("row").Value(loss.Place.Row)
            .Name("line").Value(loss.Place.Line)
            .Name("message").Value(loss.Why)
            .EndObject();
    }

    private sealed class Options
    {
        public Options(Command command)
        {
            command.Add(From);
            command.Add(To);
            foreach (var option in (Option[])[Form, Encoding, Labels, Prompt, Lossy, Json])
            {
                command.Add(option);
            }
        }

        public Argument<string> From { get; } = new("FILE") { Description = "Data in any form that train reads." };

        public Argument<string> To { get; } = new("NEW_FILE") { Description = "The file to write." };

        public Option<string> Form { get; } =
            OptionKinds.OneOf("--form", "Form of the new file; auto goes by the ending of its name.", [DataFiles.Auto, .. DatasetWriter.FormNames]);

        public Option<string> Encoding { get; } =
            OptionKinds.OneOf("--encoding", "What the file is stored in; auto is UTF-8 or a sheet.", [DataFiles.Auto, .. TextDecoding.Names]);

        public Option<string?> Labels { get; } =
            OptionKinds.Text("--labels_file", "FILE", "Labels, aliases after =; other spellings of a label become the first.");

        public Option<string?> Prompt { get; } = DataFiles.Prompt();

        public Option<bool> Lossy { get; } =
            OptionKinds.Flag("--lossy", "Leave out, and name, rows that cannot be read or that the form cannot hold.");

        public Option<string?> Json { get; } = JsonOutput.Option();
    }
}
