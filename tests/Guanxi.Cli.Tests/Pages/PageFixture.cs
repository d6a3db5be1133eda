using Guanxi.Cli.Annotation;
using Guanxi.Cli.Server;
using Guanxi.Cli.Tests.Commands;
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Serving;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Cli.Tests.Pages;

/// <summary>A model for pages to ask, trained when the first test wants it.</summary>
public sealed class PageFixture : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Lazy<string> _model;

    public PageFixture() => _model = new Lazy<string>(Train);

    /// <summary>Folder of the model.</summary>
    public string Model => _model.Value;

    /// <summary>Loads the model, which becomes the caller's.</summary>
    public TrainedModel Load() => TrainedModel.Load(Model, new LanguageModelOptions());

    public void Dispose() => _folder.Dispose();

    private string Train()
    {
        var rows = _folder.Add("rows.tsv", TrainedModelFixture.SampleLines("train.tsv", every: 3, 200));
        ChildProgram.Run("train", "--method", "tfidf", "--train_file", rows, "--output_dir", _folder["model"]).Expect(ExitCode.Done);
        return _folder["model"];
    }
}

/// <summary>The server of <c>serve</c> inside the test.</summary>
internal sealed class ClassifyServer : IAsyncDisposable
{
    private readonly RelationHost _host;

    private ClassifyServer(RelationHost host) => _host = host;

    public Uri Address => new(_host.Urls.Single());

    public static async Task<ClassifyServer> StartAsync(PageFixture fixture, string? feedback = null)
    {
        var server = await ListenAsync(feedback, keys: null);
        server.Load(fixture);
        return server;
    }

    /// <summary>Starts a server that has no model yet.</summary>
    public static async Task<ClassifyServer> ListenAsync(string? feedback, string? keys)
    {
        var options = new ServerOptions
        {
            Urls = [new Uri("http://127.0.0.1:0")], CorsOrigins = [], ApiKeyFile = keys, FeedbackFile = feedback, LogsRequests = false, LogsTexts = false,
        };
        var host = new RelationHost(options, new RelationEngineOptions(), TextWriter.Null);
        await host.ListenAsync();
        return new ClassifyServer(host);
    }

    public void Load(PageFixture fixture) => _host.Serve(fixture.Load().Classifier, fixture.Model, Methods.Tfidf);

    public async ValueTask DisposeAsync() => await _host.DisposeAsync();
}

/// <summary>The server of <c>data annotate</c> inside the test.</summary>
internal sealed class AnnotateServer : IAsyncDisposable
{
    public static readonly string[] Labels = ["父母", "兄弟姐妹", "师生", "好友", "不知道"];

    private readonly AnnotationHost _host;
    private readonly TrainedModel? _model;
    private readonly SuggestionWorker? _worker;

    private AnnotateServer(AnnotationHost host, AnnotationStore store, TrainedModel? model, SuggestionWorker? worker) =>
        (_host, Store, _model, _worker) = (host, store, model, worker);

    public Uri Address => new(_host.Urls.Single());

    public AnnotationStore Store { get; }

    /// <summary>Starts as the verb does.</summary>
    /// <param name="database">The SQLite file.</param>
    /// <param name="data">The rows.</param>
    /// <param name="model">Whose model suggests; null for none.</param>
    public static async Task<AnnotateServer> StartAsync(string database, string data, PageFixture? model = null)
    {
        var store = new AnnotationStore(database, TimeProvider.System);
        store.Import(DatasetReader.Read(data, new DatasetReadOptions { RequireLabel = false }).Relations);
        var loaded = model?.Load();
        var worker = loaded is null ? null : new SuggestionWorker(store, loaded.Classifier);
        IReadOnlyList<string> labels = loaded?.Schema.Labels ?? Labels;
        var host = new AnnotationHost([new Uri("http://127.0.0.1:0")], new AnnotationEndpoints(store, labels, Path.GetFileName(data), worker));
        await host.ListenAsync();
        return new AnnotateServer(host, store, loaded, worker);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _worker?.Dispose();
        _model?.Dispose();
        Store.Dispose();
    }
}
