using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Hubs;

/// <summary>Asks a hub: redirects, the token, errors, and trying again.</summary>
internal sealed class HubClient : IDisposable
{
    /// <summary>How long a hub may say nothing before the connection counts as cut.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private const int MostRedirects = 10;
    private const int MostJsonBytes = 64 * 1024 * 1024;
    private const int BufferBytes = 128 * 1024;

    private readonly HubSource _source;
    private readonly RetryPolicy _retry;
    private readonly HubErrors _errors;
    private readonly HttpClient _http;
    private volatile bool _hasAnswered;

    /// <summary>Makes a client.</summary>
    /// <param name="source">The hub.</param>
    /// <param name="repository">What is asked for; errors name it.</param>
    /// <param name="retry">How often to try.</param>
    /// <param name="handler">The network, owned by the client; it must follow no redirects.</param>
    public HubClient(HubSource source, HubRepository repository, RetryPolicy retry, HttpMessageHandler handler)
    {
        (_source, _retry, _errors) = (source, retry, new HubErrors(source, repository));
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>The network. Redirects are followed here and not by it, because it would not know whom the token is for.</summary>
    public static HttpMessageHandler Network() => new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = TimeSpan.FromSeconds(30),
    };

    /// <inheritdoc cref="HubErrors.NotAHub"/>
    public CheckpointException NotAHub(string found) => _errors.NotAHub(found);

    /// <inheritdoc cref="HubErrors.NoRevision"/>
    public OptionsException NoRevision(string revision) => _errors.NoRevision(revision);

    /// <inheritdoc cref="HubErrors.Refused"/>
    public OptionsException Refused(string message) => _errors.Refused(message);

    /// <summary>Asks for JSON until there is an answer.</summary>
    /// <param name="address">An address of the hub.</param>
    /// <param name="stop">Ends it.</param>
    /// <returns>The root, and the header that names further pages.</returns>
    /// <exception cref="OptionsException">The hub refuses: name, revision or token are wrong.</exception>
    /// <exception cref="CheckpointException">The hub does not answer, or not with JSON.</exception>
    public Task<(JsonElement Root, string? Link)> GetJsonAsync(Uri address, CancellationToken stop) => _retry.RunAsync(
        async () =>
        {
            using var response = await SendAsync(address, string.Empty, request => { }, stop).ConfigureAwait(false);
            using var body = new MemoryStream();
            await foreach (var part in ReadAsync(response, stop).ConfigureAwait(false))
            {
                body.Write(part.Span);
                if (body.Length > MostJsonBytes)
                {
                    throw NotAHub($"more than {MostJsonBytes} bytes of listing");
                }
            }

            var link = response.Headers.TryGetValues("Link", out var values) ? string.Join(',', values) : null;
            try
            {
                return (JsonFile.Parse(body.ToArray(), address.GetLeftPart(UriPartial.Path)), link);
            }
            catch (CheckpointException error)
            {
                throw NotAHub($"text that is no JSON ({error.Problems[0].What})");
            }
        },
        () => 0,
        stop);

    /// <summary>Sends a request once and follows redirects to an answer with success.</summary>
    /// <param name="address">Where to.</param>
    /// <param name="what">What is asked for; empty for the repository itself.</param>
    /// <param name="prepare">Adds headers.</param>
    /// <param name="stop">Ends it.</param>
    /// <returns>The answer, its body unread; owned by the caller.</returns>
    /// <exception cref="HubInterruption">A failure that may pass.</exception>
    /// <exception cref="OptionsException">The hub refuses.</exception>
    /// <exception cref="CheckpointException">A failure that will not pass.</exception>
    public async Task<HttpResponseMessage> SendAsync(Uri address, string what, Action<HttpRequestMessage> prepare, CancellationToken stop)
    {
        for (var hop = 0; hop <= MostRedirects; hop++)
        {
            var response = await SendToAsync(address, prepare, stop).ConfigureAwait(false);
            if (response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                return response;
            }

            using (response)
            {
                address = await NextAsync(response, address, what, stop).ConfigureAwait(false);
            }
        }

        throw NotAHub($"more than {MostRedirects} redirects");
    }

    /// <summary>Reads a body part by part; each part is valid until the next.</summary>
    /// <exception cref="HubInterruption">The connection was cut, or nothing came for too long.</exception>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(
        HttpResponseMessage response, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        using var stream = await response.Content.ReadAsStreamAsync(stop).ConfigureAwait(false);
        var buffer = new byte[BufferBytes];
        while (await WithPatienceAsync(token => stream.ReadAsync(buffer, token).AsTask(), stop).ConfigureAwait(false) is > 0 and var read)
        {
            yield return buffer.AsMemory(0, read);
        }
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _http.Dispose();

    private static bool IsRedirect(HttpStatusCode status) =>
        status is HttpStatusCode.Moved or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    /// <summary>Where a redirect leads; any other answer is an error.</summary>
    private async Task<Uri> NextAsync(HttpResponseMessage response, Uri from, string what, CancellationToken stop)
    {
        if (!IsRedirect(response.StatusCode) || response.Headers.Location is not { } location)
        {
            var body = await BeginningOfAsync(response, stop).ConfigureAwait(false);
            throw _errors.Of(response, body, what, _retry.WaitOf(response.Headers.RetryAfter));
        }

        var next = new Uri(from, location);
        return next.Scheme == from.Scheme || next.Scheme == Uri.UriSchemeHttps
            ? next
            : throw NotAHub($"a redirect from {from.Scheme} to {next.Scheme}");
    }

    /// <summary>Enough of the body of an error for its message; less when the connection breaks meanwhile.</summary>
    private async Task<byte[]> BeginningOfAsync(HttpResponseMessage response, CancellationToken stop)
    {
        try
        {
            await foreach (var part in ReadAsync(response, stop).ConfigureAwait(false))
            {
                return part.ToArray();
            }
        }
        catch (HubInterruption)
        {
            // The status is the error.
        }

        return [];
    }

    private async Task<HttpResponseMessage> SendToAsync(Uri address, Action<HttpRequestMessage> prepare, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("guanxi", "1"));
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        _source.Authorize(request);
        prepare(request);
        var response = await WithPatienceAsync(
            token => _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token), stop).ConfigureAwait(false);
        _hasAnswered = true;
        return response;
    }

    private async Task<T> WithPatienceAsync<T>(Func<CancellationToken, Task<T>> ask, CancellationToken stop)
    {
        using var patience = new CancellationTokenSource(Patience, _retry.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, stop);
        try
        {
            return await ask(either.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (
            !stop.IsCancellationRequested && error is HttpRequestException or IOException or OperationCanceledException)
        {
            var cause = error is OperationCanceledException ? new TimeoutException($"nothing for {Patience.TotalSeconds} s") : error;
            throw _errors.Of(cause, _hasAnswered);
        }
    }
}
