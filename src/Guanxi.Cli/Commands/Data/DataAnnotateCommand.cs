using System.CommandLine;
using Guanxi.Cli.Annotation;
using Guanxi.Cli.Server;
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Cli.Commands.Data;

/// <summary><c>data annotate</c>: a page to label rows by keyboard.</summary>
internal static class DataAnnotateCommand
{
    private const string Summary = "Opens a page to label rows by keyboard, with a model's suggestions; everything is kept in a SQLite file.";
    private const string DefaultUrls = "http://127.0.0.1:5001";
    private const string DatabaseEnding = ".annotations.db";

    /// <summary>The part of the verb.</summary>
    public static Verb Verb { get; } = new("annotate", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("annotate", Summary)
        {
            Examples =
            [
                $"./guanxi data annotate --data {SampleCalls.TestFile} --db runs/test.db",
                $"./guanxi data annotate --data {SampleCalls.TestFile} --db runs/test.db --model {SampleCalls.LinearModel}",
                "./guanxi data annotate --db runs/test.db --export runs/labelled.tsv",
            ],
        };
        var options = new Options(command);
        command.SetAction(parsed => options.Export(parsed) is { } file ? Export(parsed, options, file) : Annotate(parsed, options));
        return command;
    }

    private static int Export(ParseResult parsed, Options options, string file)
    {
        var form = options.Form(parsed, file);
        var path = options.Database(parsed);
        if (!File.Exists(path))
        {
            throw new OptionsException(new Problem(path, "there is no such database", "a file that data annotate has made"));
        }

        using var store = new AnnotationStore(path, TimeProvider.System);
        DataFiles.KeepInputs([file], [path, .. options.Data(parsed) is { } data ? [data] : Array.Empty<string>()]);
        var made = AnnotationExport.Make(store, form);
        DataFiles.Write(file, made.Content);
        foreach (var loss in made.LeftOut)
        {
            Console.Error.WriteLine($"warning: {loss.Place}: left out: {loss.Why}");
        }

        Console.Out.WriteLine($"{file}: {made.Count} rows as {DatasetWriter.NameOf(form)}");
        return ExitCode.Done;
    }

    private static int Annotate(ParseResult parsed, Options options)
    {
        using var status = new StatusLine();
        var urls = ServerOptions.ReadUrls(options.Urls(parsed));
        var file = options.Data(parsed) ?? throw new OptionsException(new Problem("--data", "the option is missing", "the rows to label"));
        var given = options.Labels(parsed);
        var rows = Read(file, given);
        using var model = options.LoadModel(parsed, status.Say);
        var labels = given ?? LabelsOf(rows, model?.Schema, file);
        using var store = new AnnotationStore(options.Database(parsed), TimeProvider.System);
        store.Import([.. rows.Select(row => row with { Label = row.Label is { } label ? labels.Canonical(label) ?? label : null })]);
        if (model is not null)
        {
            store.UseModel(options.ModelIdentity(parsed));
        }

        using var worker = model is null ? null : new SuggestionWorker(store, model.Classifier);
        return ServeAsync(urls, new AnnotationEndpoints(store, labels.Labels, Path.GetFileName(file), worker), status).GetAwaiter().GetResult();
    }

    private static async Task<int> ServeAsync(IReadOnlyList<Uri> urls, AnnotationEndpoints endpoints, StatusLine status)
    {
        using var stop = new StopSignals(() => status.Say("stopping"));
        await using var host = new AnnotationHost(urls, endpoints);
        await host.ListenAsync();
        status.Say($"open {string.Join(" or ", host.Urls)} in a browser; Ctrl-C ends, and everything is kept");
        if (urls.Any(url => !url.IsLoopback))
        {
            status.Say("warning: other machines can reach this address, and whoever reaches it can change labels");
        }

        await stop.WaitAsync();
        return ExitCode.Stopped;
    }

    private static IReadOnlyList<RelationExample> Read(string file, RelationSchema? labels) =>
        DatasetReader.Read(file, new DatasetReadOptions { RequireLabel = false, Schema = labels }).RequireRelations();

    /// <summary>The model's labels, then those that only the data have.</summary>
    private static RelationSchema LabelsOf(IReadOnlyList<RelationExample> rows, RelationSchema? model, string file)
    {
        string[] found = [.. rows.Select(row => row.Label).OfType<string>()];
        if (model is null)
        {
            return found.Distinct().Skip(1).Any() ? RelationSchema.FromData(found, file) : throw new OptionsException(new Problem(
                "--labels_file", "there are no labels to choose from", "a file with one label a line, or a model, or labels in the data",
                $"{file} has fewer than two"));
        }

        IEnumerable<string[]> own = model.Labels.Select(label => (string[])[label, .. model.Aliases.GetValueOrDefault(label, [])]);
        var others = found.Where(label => model.Canonical(label) is null).Distinct().Order(CodePointOrder.Comparer).Select(label => (string[])[label]);
        return RelationSchema.FromLabels([.. own, .. others], file);
    }

    private sealed class Options
    {
        private readonly Option<string?> _data =
            OptionKinds.Text("--data", "FILE", "Rows to label, in any form that train reads; labels they have can be changed.");
        private readonly Option<string?> _database =
            OptionKinds.Text("--db", "FILE", $"The SQLite file of the work (default: the data's name with {DatabaseEnding} behind it).");
        private readonly Option<string?> _labels =
            OptionKinds.Text("--labels_file", "FILE", "Labels, one a line, in the order of their keys (default: the model's and the data's).");
        private readonly Option<string?> _urls = OptionKinds.Text("--urls", "URLS", $"Addresses to listen at, with ; between (default: {DefaultUrls}).");
        private readonly Option<string?> _export = OptionKinds.Text("--export", "FILE", "Write the labelled rows to a file, without a page, and end.");
        private readonly Option<string> _form = OptionKinds.OneOf("--form", "Form of that file; auto goes by its name.", [DataFiles.Auto, .. DatasetWriter.FormNames]);
        private readonly ModelOptions _model;

        public Options(Command command)
        {
            foreach (var option in (Option[])[_data, _database, _labels, _urls, _export, _form])
            {
                command.Add(option);
            }

            _model = new ModelOptions(command);
        }

        public string? Data(ParseResult parsed) => parsed.GetValue(_data);

        public string? Export(ParseResult parsed) => parsed.GetValue(_export);

        public string Urls(ParseResult parsed) => parsed.GetValue(_urls) ?? DefaultUrls;

        public RelationSchema? Labels(ParseResult parsed) => parsed.GetValue(_labels) is { } file ? LabelsFile.Read(file) : null;

        public string Database(ParseResult parsed) => parsed.GetValue(_database)
            ?? (Data(parsed) is { } data ? data + DatabaseEnding : throw new OptionsException(new Problem(
                "--data", "neither the data nor a database is named", "--data FILE or --db FILE")));

        public DatasetFormat Form(ParseResult parsed, string file) => DataFiles.FormOf(parsed.GetValue(_form)!, file);

        public TrainedModel? LoadModel(ParseResult parsed, Action<string> say) => parsed.GetValue(_model.Model) is { Length: > 0 } path
            ? TrainedModel.Load(path, _model.Read(parsed, say))
            : null;

        /// <summary>Folder and time of a model: training it anew makes it another.</summary>
        public string ModelIdentity(ParseResult parsed)
        {
            var path = Path.GetFullPath(parsed.GetValue(_model.Model)!);
            var info = Path.Combine(path, ArtifactInfo.FileName);
            return $"{path} {File.GetLastWriteTimeUtc(File.Exists(info) ? info : path):O}";
        }
    }
}
