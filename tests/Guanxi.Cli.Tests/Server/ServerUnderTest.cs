using System.Net;
using System.Text;
using System.Text.Json;
using Guanxi.Cli.Server;
using Guanxi.Relations;
using Guanxi.Relations.Serving;
using Xunit;

namespace Guanxi.Cli.Tests.Server;

/// <summary>A server in this process, at a port that is free, and a client of it.</summary>
internal sealed class ServerUnderTest : IAsyncDisposable
{
    private static readonly ServerOptions s_plain = new()
    {
        Urls = [new Uri("http://127.0.0.1:0")],
        CorsOrigins = [],
        ApiKeyFile = null,
        FeedbackFile = null,
        LogsRequests = true,
        LogsTexts = false,
    };

    private readonly StringWriter _log;

    private ServerUnderTest(RelationHost host, StringWriter log)
    {
        (Host, _log) = (host, log);
        Client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(host.Urls.Single()) };
    }

    /// <summary>The server.</summary>
    public RelationHost Host { get; }

    /// <summary>A client.</summary>
    public HttpClient Client { get; }

    /// <summary>What was logged of requests.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Starts a server without a model.</summary>
    public static async Task<ServerUnderTest> ListenAsync(Func<ServerOptions, ServerOptions>? change = null, RelationEngineOptions? engine = null)
    {
        var log = new StringWriter();
        var host = new RelationHost((change ?? (options => options))(s_plain), engine ?? new RelationEngineOptions(), TextWriter.Synchronized(log));
        await host.ListenAsync();
        return new ServerUnderTest(host, log);
    }

    /// <summary>Starts a server with a model.</summary>
    public static async Task<ServerUnderTest> ServeAsync(
        IRelationClassifier classifier, Func<ServerOptions, ServerOptions>? change = null, RelationEngineOptions? engine = null)
    {
        var server = await ListenAsync(change, engine);
        server.Host.Serve(classifier, "model", Methods.Tfidf);
        return server;
    }

    /// <summary>The server's description.</summary>
    public async Task<OpenApiDocument> DescribeAsync() => new(JsonSerializer.Deserialize<JsonElement>(await Client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative))));

    /// <summary>Posts JSON.</summary>
    public Task<Reply> PostAsync(string path, string json) => PostAsync(path, Encoding.UTF8.GetBytes(json), "application/json");

    /// <summary>Posts bytes.</summary>
    public async Task<Reply> PostAsync(string path, byte[] body, string? contentType, CancellationToken stop = default)
    {
        using var content = new ByteArrayContent(body);
        if (contentType is not null)
        {
            content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }

        using var response = await Client.PostAsync(new Uri(path, UriKind.Relative), content, stop);
        return await Reply.ReadAsync(response);
    }

    /// <summary>Asks for an address.</summary>
    public async Task<Reply> GetAsync(string path)
    {
        using var response = await Client.GetAsync(new Uri(path, UriKind.Relative));
        return await Reply.ReadAsync(response);
    }

    /// <summary>A sample of the metrics; 0 when it is not there.</summary>
    public async Task<double> MetricAsync(string name)
    {
        var text = await Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        var line = text.Split('\n').FirstOrDefault(line => line.StartsWith(name + " ", StringComparison.Ordinal));
        return line is null ? 0 : double.Parse(line.Split(' ')[^1], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Waits until a sample of the metrics has a value.</summary>
    public async Task UntilAsync(string metric, double value)
    {
        for (var tries = 0; await MetricAsync(metric) != value; tries++)
        {
            Assert.True(tries < 2000, $"{metric} does not become {value}");
            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Host.DisposeAsync();
        await _log.DisposeAsync();
    }
}

/// <summary>An answer of the server.</summary>
internal sealed record Reply(HttpStatusCode Status, string? ContentType, string Body, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The body as JSON.</summary>
    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Body);

    /// <summary>The reason that a problem gives.</summary>
    public string Detail => Json.GetProperty("detail").GetString()!;

    public static async Task<Reply> ReadAsync(HttpResponseMessage response)
    {
        var headers = response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
        return new Reply(response.StatusCode, response.Content.Headers.ContentType?.ToString(), await response.Content.ReadAsStringAsync(), headers);
    }

    /// <summary>Asserts the status, and that a refusal is a problem that tells nothing of the machine.</summary>
    public Reply Expect(HttpStatusCode status)
    {
        Assert.True(Status == status, $"{(int)Status}, expected {(int)status}: {Body}");
        if ((int)status >= 400)
        {
            Assert.Equal("application/problem+json", ContentType);
            Assert.Equal((int)status, Json.GetProperty("status").GetInt32());
            Assert.DoesNotContain("   at ", Body, StringComparison.Ordinal);
            Assert.DoesNotContain("Exception", Body, StringComparison.Ordinal);
        }

        return this;
    }
}
