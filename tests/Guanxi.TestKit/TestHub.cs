using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Guanxi.TestKit;

/// <summary>A hub on this machine that answers as both hubs do, and misbehaves as a test asks it to.</summary>
public sealed class TestHub : IDisposable
{
    /// <summary>The one repository, model and data set alike.</summary>
    public const string Repository = "org/tiny";

    /// <summary>Its commit.</summary>
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    /// <summary>What a Hugging Face-like hub takes for a large file.</summary>
    public const string LargeEnding = ".bin";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<HubRequest> _requests = new();
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Begins to listen.</summary>
    public TestHub()
    {
        _listener.Start();
        Endpoint = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _ = ListenAsync();
    }

    /// <summary>Its address.</summary>
    public Uri Endpoint { get; }

    /// <summary>Files of the repository.</summary>
    public SortedDictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>How it misbehaves: the answer to a request, or null for the right one.</summary>
    public Func<HubRequest, HubReply?> Fault { get; set; } = _ => null;

    /// <summary>Another hub that large files are redirected to; null for none.</summary>
    public TestHub? Redirects { get; set; }

    /// <summary>Files on a page of the Hugging Face-like listing.</summary>
    public int PageFiles { get; set; } = 1000;

    /// <summary>Whether the listing names hashes.</summary>
    public bool HasHashes { get; set; } = true;

    /// <summary>Requests so far, in order.</summary>
    public IReadOnlyList<HubRequest> Requests => [.. _requests];

    /// <summary>Requests for the content of files.</summary>
    public IReadOnlyList<HubRequest> Downloads => [.. Requests.Where(request => request.File is not null)];

    /// <summary>Stops listening.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    /// <summary>The right answer to a request, to be spoilt.</summary>
    public HubReply Serve(HubRequest request)
    {
        if (request.File is { } name)
        {
            return Redirects is not null && name.EndsWith(LargeEnding, StringComparison.Ordinal)
                ? Redirection(new Uri(Redirects.Endpoint, $"/cdn/{name}"), name)
                : Content(request, name);
        }

        return request.Path switch
        {
            $"/api/models/{Repository}/revision/main" or $"/api/datasets/{Repository}/revision/main" => HubReply.Json(new { sha = Commit }),
            $"/api/models/{Repository}/tree/{Commit}" or $"/api/datasets/{Repository}/tree/{Commit}" => Tree(request),
            $"/api/v1/models/{Repository}/repo/files" => ModelScopeFiles(request, Files.Keys),
            $"/api/v1/datasets/{Repository}/repo/tree" => ModelScopeFiles(
                request,
                Files.Keys.Skip((Number(request, "PageNumber") - 1) * Number(request, "PageSize")).Take(Number(request, "PageSize"))),
            $"/api/models/{Repository}/revision/gone" => HubReply.Error(404, "RevisionNotFound"),
            _ => HubReply.Error(404, "RepoNotFound"),
        };
    }

    private static int Number(HubRequest request, string name) => int.Parse(request.Query[name], CultureInfo.InvariantCulture);

    [SuppressMessage("Security", "CA5350", Justification = "git names its blobs so")]
    private static string BlobName(byte[] content) =>
        Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));

    private static string Sha256Of(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    private HubReply Redirection(Uri to, string name)
    {
        var reply = new HubReply(302, []);
        reply.Headers["Location"] = to.AbsoluteUri;
        reply.Headers["X-Repo-Commit"] = Commit;
        reply.Headers["X-Linked-Size"] = $"{Files[name].Length}";
        reply.Headers["X-Linked-Etag"] = $"\"{Sha256Of(Files[name])}\"";
        return reply;
    }

    private HubReply Content(HubRequest request, string name)
    {
        if (!Files.TryGetValue(name, out var content))
        {
            return HubReply.Error(404, "EntryNotFound");
        }

        var tag = $"\"{Sha256Of(content)[..8]}\"";
        var isSame = !request.Headers.TryGetValue("If-Range", out var condition) || condition == tag;
        HubReply reply;
        if (isSame && request.RangeFrom is > 0 and var from && from < content.Length)
        {
            reply = new HubReply(206, content[(int)from..]);
            reply.Headers["Content-Range"] = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }
        else
        {
            reply = new HubReply(200, content);
        }

        reply.Headers["ETag"] = tag;
        return reply;
    }

    private HubReply Tree(HubRequest request)
    {
        var first = request.Query.TryGetValue("cursor", out var cursor) ? int.Parse(cursor, CultureInfo.InvariantCulture) : 0;
        var reply = HubReply.Json(Files.Skip(first).Take(PageFiles).Select(file => file.Key.EndsWith(LargeEnding, StringComparison.Ordinal)
            ? (object)new
            {
                type = "file", path = file.Key, size = file.Value.Length, oid = new string('a', 40),
                lfs = new { oid = HasHashes ? Sha256Of(file.Value) : "", size = file.Value.Length, pointerSize = 134 },
            }
            : new { type = "file", path = file.Key, size = file.Value.Length, oid = HasHashes ? BlobName(file.Value) : "" })
            .Prepend(new { type = "directory", path = "folder", size = 0, oid = "" }));
        if (first + PageFiles < Files.Count)
        {
            // Addresses of the hub that is mirrored, as mirrors give them.
            reply.Headers["Link"] = $"<https://hub.invalid{request.Path}?recursive=true&cursor={first + PageFiles}>; rel=\"next\"";
        }

        return reply;
    }

    private HubReply ModelScopeFiles(HubRequest request, IEnumerable<string> names)
    {
        var files = request.Query["Revision"] is "master" or Commit ? names.Select(name => (object)new
        {
            Name = Path.GetFileName(name), Path = name, Type = "blob", Size = Files[name].Length,
            Sha256 = HasHashes ? Sha256Of(Files[name]) : "", Revision = Commit,
        }).ToArray() : null;
        var data = new { Files = files, LatestCommitter = new { Id = "", ShortId = Commit[..8] } };
        return HubReply.Json(new { Code = 200, Success = true, Message = "success", Data = data });
    }

    private async Task ListenAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _ = Task.Run(() => AnswerAsync(client));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        try
        {
            using (client)
            {
                using var stream = client.GetStream();
                var request = await HubRequest.ReadAsync(stream);
                if (request is not null)
                {
                    _requests.Enqueue(request);
                }

                var reply = request is null ? HubReply.Error(400) : Fault(request) ?? Serve(request);
                await reply.WriteAsync(client, stream, _stop.Token);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Clients close connections when they have seen enough.
        }
    }
}
