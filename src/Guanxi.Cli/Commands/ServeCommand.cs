using System.CommandLine;
using Guanxi.Cli.Server;
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Serving;

namespace Guanxi.Cli.Commands;

/// <summary><c>serve</c>: answers over HTTP.</summary>
internal static class ServeCommand
{
    private const string Summary = "Answers over HTTP: one row or many, with the probability of each label.";

    /// <summary>The verb.</summary>
    public static Verb Verb { get; } = new("serve", Summary, Build);

    private static VerbCommand Build()
    {
        var command = new VerbCommand("serve", Summary)
        {
            Examples =
            [
                $"./guanxi serve --model {SampleCalls.Model}",
                $"./guanxi serve --model {SampleCalls.LinearModel} --urls http://127.0.0.1:8080 --feedback runs/corrected.jsonl",
                """curl -s http://127.0.0.1:5000/people_rel_cls -H 'Content-Type: application/json' -d '{"text": "曹操带着曹植登上铜雀台", "people1": "曹操", "people2": "曹植"}'""",
            ],
        };
        var model = new ModelOptions(command);
        var task = new TaskOptions(command);
        var server = new ServeOptions(command);
        command.SetAction(parsed =>
        {
            using var status = new StatusLine();
            var path = ModelOptions.Require(parsed, model.Model);
            var overrides = new TaskOverrides { Schema = task.Labels(parsed), PromptTemplate = task.Prompt(parsed) };
            return RunAsync(server.Read(parsed), server.ReadEngine(parsed), path, () => TrainedModel.Load(path, model.Read(parsed, status.Say), overrides), status)
                .GetAwaiter().GetResult();
        });
        return command;
    }

    private static async Task<int> RunAsync(ServerOptions options, RelationEngineOptions engine, string path, Func<TrainedModel> load, StatusLine status)
    {
        using var stop = new StopSignals(() => status.Say("stopping: requests that were taken are answered first; a second signal ends at once"));
        await using var host = new RelationHost(options, engine, Console.Error);
        await host.ListenAsync();
        status.Say($"listening at {string.Join(" and ", host.Urls)}");
        if (options is { IsOpen: true, ApiKeyFile: null })
        {
            status.Say("warning: other machines can reach this address, and no key is asked for (--api_key_file)");
        }

        // A pool of threads has as many as there are processors: none may be kept waiting here.
        var (loading, stopping) = (Task.Run(load), stop.WaitAsync());
        if (await Task.WhenAny(loading, stopping) == loading)
        {
            // The model ends with the process: a pass that does not end in time still uses it.
            var model = await loading;
            host.Serve(model.Classifier, NameOf(path), model.Info.Method ?? Methods.Llm);
            status.Say("ready");
            ServiceManager.Tell(ServiceManager.Ready);
            await stopping;
        }

        ServiceManager.Tell(ServiceManager.Stopping);
        var left = await host.DrainAsync();
        status.Say(left == 0 ? "stopped: everything was answered" : $"stopped: the time was up, {left} requests were not answered");
        return ExitCode.Stopped;
    }

    /// <summary>Only the name, since where the folder lies is nobody's business; of a link, that of what it means today.</summary>
    private static string NameOf(string path)
    {
        var trimmed = Path.TrimEndingDirectorySeparator(path);
        var target = Directory.Exists(trimmed) ? Directory.ResolveLinkTarget(trimmed, returnFinalTarget: true) : null;
        return Path.GetFileName(target?.FullName ?? trimmed);
    }

    /// <summary>The options of the server itself.</summary>
    private sealed class ServeOptions
    {
        private static readonly RelationEngineOptions s_usual = new();

        private readonly Option<string?> _urls =
            OptionKinds.Text("--urls", "URLS", $"Addresses to listen at, with ; between (default: {ServerOptions.DefaultUrls}).");

        private readonly Option<int?> _queue = OptionKinds.Whole("--queue", $"Requests that may wait; one more gets 429 (default: {s_usual.QueueCapacity}).", 1);
        private readonly Option<int?> _cache = OptionKinds.Whole("--cache", $"Answers to remember by their exact input; 0 for none (default: {s_usual.CachedAnswers}).", 0);
        private readonly Option<int?> _batch = OptionKinds.Whole("--batch", $"Most rows of one pass of the model (default: {s_usual.BatchRows}).", 1);

        private readonly Option<string[]> _cors = new("--cors")
        {
            HelpName = "ORIGIN", Description = "Origin whose pages may ask; may stand several times (default: none).", AllowMultipleArgumentsPerToken = true,
        };

        private readonly Option<string?> _keys = OptionKinds.Text("--api_key_file", "FILE", "Keys, one a line, of which requests need one (default: none is asked for).");
        private readonly Option<string?> _feedback = OptionKinds.Text("--feedback", "FILE", "Append corrected labels to this file (default: they are not taken).");

        private readonly Option<bool> _log =
            OptionKinds.FlagUsuallyOn("--log_requests", "Write a line of JSON a request to standard error (default: true).");

        private readonly Option<bool> _texts = OptionKinds.Flag("--log_texts", "Whether that line holds the texts (default: false).");

        public ServeOptions(Command command)
        {
            foreach (var option in (Option[])[_urls, _queue, _cache, _batch, _cors, _keys, _feedback, _log, _texts])
            {
                command.Add(option);
            }
        }

        public ServerOptions Read(ParseResult parsed) => new()
        {
            Urls = ServerOptions.ReadUrls(parsed.GetValue(_urls) ?? ServerOptions.DefaultUrls),
            CorsOrigins = [.. (parsed.GetValue(_cors) ?? []).Select(ServerOptions.ReadOrigin)],
            ApiKeyFile = parsed.GetValue(_keys),
            FeedbackFile = parsed.GetValue(_feedback),
            LogsRequests = parsed.GetValue(_log),
            LogsTexts = parsed.GetValue(_texts),
        };

        public RelationEngineOptions ReadEngine(ParseResult parsed) => s_usual with
        {
            QueueCapacity = parsed.GetValue(_queue) ?? s_usual.QueueCapacity,
            CachedAnswers = parsed.GetValue(_cache) ?? s_usual.CachedAnswers,
            BatchRows = parsed.GetValue(_batch) ?? s_usual.BatchRows,
        };
    }
}
