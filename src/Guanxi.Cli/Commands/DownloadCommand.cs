using System.CommandLine;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Guanxi.Transformers.Hubs;

namespace Guanxi.Cli.Commands;

/// <summary><c>download</c>: a model or data set from a hub.</summary>
internal static class DownloadCommand
{
    private const string Summary = "Downloads a model or data set from Hugging Face or ModelScope; goes on where an earlier call stopped.";
    private const string HuggingFace = "hf";
    private const string ModelScope = "modelscope";
    private const string Model = "model";
    private const string Dataset = "dataset";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("download", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("download", Summary)
        {
            Examples =
            [
                "./guanxi download Qwen/Qwen2.5-0.5B --to models/qwen",
                "./guanxi download Qwen/Qwen2.5-0.5B --source modelscope --to models/qwen",
                "HF_ENDPOINT=https://hf-mirror.com ./guanxi download hfl/chinese-roberta-wwm-ext --include '*.json' --include vocab.txt --to models/roberta",
            ],
        };
        var options = new DownloadOptions(command);
        command.SetAction(parsed => Run(options.Read(parsed), JsonOutput.Of(parsed.GetValue(options.Json))));
        return command;
    }

    private static int Run(HubDownloadOptions options, JsonOutput output)
    {
        using var status = new StatusLine();
        var progress = new DownloadProgress(status, TimeProvider.System);
        using var stop = new StopSignals(() => { });
        try
        {
            var result = new HubDownload(options, HubVariables.OfProcess, TimeProvider.System, progress).RunAsync(stop.Token).GetAwaiter().GetResult();
            progress.End();
            Tell(options, result, output);
            return ExitCode.Done;
        }
        catch (CheckpointException error)
        {
            // What the hub sends is no input of the user's.
            throw new JobFailedException(error.Problems, error);
        }
        catch (Exception error) when (
            stop.Token.IsCancellationRequested && error is OperationCanceledException or IOException or HttpRequestException)
        {
            progress.End();
            status.Say("stopped; what has come is kept: the same call goes on from it");
            return ExitCode.Stopped;
        }
    }

    private static void Tell(HubDownloadOptions options, HubDownloadResult result, JsonOutput output)
    {
        var brought = result.Files.Where(file => !file.WasThere).ToList();
        if (!output.IsToStandardOutput)
        {
            var at = result.Commit is null ? result.Revision : $"{result.Revision}, commit {result.Commit}";
            Console.Out.WriteLine($"{options.Repository.Id} ({at}) is in {options.Folder}");
            var size = Bytes.Show(result.Files.Sum(file => file.Bytes));
            Console.Out.WriteLine(
                $"Files: {result.Files.Count}, {size}; {brought.Count} downloaded, {result.Files.Count - brought.Count} were there");
            if (result.Files.Count(file => !file.IsVerified) is > 0 and var unverified)
            {
                Console.Out.WriteLine($"Of {unverified} the hub gives no hash: only their length was checked.");
            }

            if (!options.Repository.IsDataset)
            {
                Console.Out.WriteLine();
                Console.Out.WriteLine($"Look at it:  ./guanxi info {ShellWords.Join([options.Folder])}");
            }
        }

        output.Write(Json(options, result, brought));
    }

    private static string Json(HubDownloadOptions options, HubDownloadResult result, List<DownloadedFile> brought)
    {
        var json = new JsonLineWriter();
        return json.StartObject()
            .Name("repo").Value(options.Repository.Id)
            .Name("repo_type").Value(options.Repository.IsDataset ? Dataset : Model)
            .Name("source").Value(options.IsModelScope ? ModelScope : HuggingFace)
            .Name("endpoint").Value(result.Endpoint.AbsoluteUri)
            .Name("revision").Value(result.Revision)
            .Name("commit").Value(result.Commit)
            .Name("to").Value(options.Folder)
            .Name("downloaded_files").Value(brought.Count)
            .Name("downloaded_bytes").Value(brought.Sum(file => file.Bytes))
            .Name("files").List(result.Files, file => json.StartObject()
                .Name("path").Value(file.Name)
                .Name("bytes").Value(file.Bytes)
                .Name("downloaded").Value(!file.WasThere)
                .Name("verified").Value(file.IsVerified)
                .EndObject())
            .EndObject().ToString();
    }

    /// <summary>The options of the verb.</summary>
    private sealed class DownloadOptions
    {
        private readonly Argument<string> _repository = new("REPO") { Description = "Owner and name, as the hub's page shows them." };
        private readonly Option<string> _type = OptionKinds.OneOf("--repo_type", "What it is.", [Model, Dataset]);
        private readonly Option<string> _source = OptionKinds.OneOf(
            "--source",
            "The hub; USE_MODELSCOPE_HUB=1 makes modelscope the default.",
            HubVariables.OfProcess.PrefersModelScope ? [ModelScope, HuggingFace] : [HuggingFace, ModelScope]);

        private readonly Option<string?> _endpoint =
            OptionKinds.Text("--endpoint", "URL", "Its address (default: the environment's, or the hub's own).");
        private readonly Option<string?> _revision =
            OptionKinds.Text("--revision", "R", "Branch, tag or commit (default: main, at ModelScope master).");
        private readonly Option<string[]> _include = new("--include")
        {
            HelpName = "GLOB",
            Description = "Only files of such names, e.g. '*.json' or 'onnx/'; can be given several times.",
        };

        private readonly Option<string> _to = OptionKinds.Required("--to", "DIR", "The folder for the files.");

        public DownloadOptions(Command command)
        {
            command.Add(_repository);
            foreach (var option in (Option[])[_type, _source, _endpoint, _revision, _include, _to, Json])
            {
                command.Add(option);
            }
        }

        public Option<string?> Json { get; } = JsonOutput.Option();

        public HubDownloadOptions Read(ParseResult parsed)
        {
            var folder = parsed.GetValue(_to)!;
            if (folder.Length == 0 || File.Exists(folder))
            {
                throw new OptionsException(new Problem(
                    _to.Name, "the files need a folder", "a folder, or a path where one can be made",
                    folder.Length == 0 ? "nothing" : "a file"));
            }

            return new HubDownloadOptions
            {
                Repository = HubRepository.Parse(parsed.GetValue(_repository)!, parsed.GetValue(_type) == Dataset),
                Folder = folder,
                IsModelScope = parsed.GetValue(_source) == ModelScope,
                Endpoint = parsed.GetValue(_endpoint),
                Revision = parsed.GetValue(_revision),
                Include = parsed.GetValue(_include) ?? [],
            };
        }
    }
}
