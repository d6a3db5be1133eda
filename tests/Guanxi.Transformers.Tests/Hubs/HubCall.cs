using System.Collections.Concurrent;
using Guanxi.TestKit;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Hubs;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Hubs;

/// <summary>A hub, a folder, and calls that bring the one's files into the other.</summary>
internal sealed class HubCall : IDisposable, IDownloadProgress
{
    public const string Weights = "model.bin";
    public const string Config = "config.json";
    public const string Nested = "onnx/文件 a+b.json";
    public const string Token = "hf_secret";

    private readonly bool _isModelScope;

    public HubCall(bool isModelScope = false)
    {
        _isModelScope = isModelScope;
        Hub.Files[Weights] = Noise(1, 300_000);
        Hub.Files[Config] = Noise(2, 500);
        Hub.Files[Nested] = Noise(3, 100);
    }

    public TestHub Hub { get; } = new();

    public TemporaryFolder Folder { get; } = new();

    public ImmediateTime Time { get; } = new();

    public ConcurrentQueue<string> Notes { get; } = new();

    public long BytesReceived { get; private set; }

    public long BytesPlanned { get; private set; }

    public Dictionary<string, string> Variables { get; } = new() { ["HOME"] = "/nowhere" };

    public string To => Folder["to"];

    public static byte[] Noise(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public HubDownloadResult Run(
        string[]? include = null, string? revision = null, bool isDataset = false, string repository = TestHub.Repository,
        string? endpoint = null,
        IFileSystem? files = null, long free = long.MaxValue, CancellationToken stop = default)
    {
        var options = new HubDownloadOptions
        {
            Repository = HubRepository.Parse(repository, isDataset), Folder = To, IsModelScope = _isModelScope,
            Endpoint = endpoint ?? Hub.Endpoint.AbsoluteUri, Revision = revision, Include = include ?? [],
        };
        return new HubDownload(options, new HubVariables(name => Variables.GetValueOrDefault(name)), Time, this)
        {
            Network = () => new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false },
            Files = files ?? RealFileSystem.Instance,
            FreeBytes = _ => free,
        }.RunAsync(stop).GetAwaiter().GetResult();
    }

    /// <summary>Fails the first so many downloads of the weights' content.</summary>
    public void Spoil(int times, Func<HubRequest, HubReply, HubReply> spoil)
    {
        var left = times;
        Hub.Fault = request => request.File == Weights && Interlocked.Decrement(ref left) >= 0 ? spoil(request, Hub.Serve(request)) : null;
    }

    /// <summary>Downloads of the weights' content.</summary>
    public HubRequest[] Requests() => [.. Hub.Downloads.Where(request => request.File == Weights)];

    /// <summary>Asserts that the folder holds the hub's files and nothing else.</summary>
    public void ExpectWhole()
    {
        Assert.Equal(
            Hub.Files.Keys.Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(To, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(To, path))
                .Order(StringComparer.Ordinal));
        Assert.All(Hub.Files, file => Assert.Equal(file.Value, File.ReadAllBytes(Path.Combine(To, file.Key))));
        Assert.Equal(BytesPlanned, BytesReceived);
    }

    /// <summary>Parts that lie in the folder.</summary>
    public string[] Parts() => [.. Directory.EnumerateFiles(To, ".*.partial", SearchOption.AllDirectories)];

    public void Note(string text) => Notes.Enqueue(text);

    public void Begin(int files, long bytes) => (BytesPlanned, BytesReceived) = (bytes, 0);

    public void Received(long bytes)
    {
        lock (Notes)
        {
            BytesReceived += bytes;
        }
    }

    public void Finished(string name, long bytes) => Assert.True(File.Exists(Path.Combine(To, name)));

    public void Dispose()
    {
        Hub.Dispose();
        Folder.Dispose();
    }
}
