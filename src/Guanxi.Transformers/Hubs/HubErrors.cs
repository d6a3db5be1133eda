using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using System.Text.Json;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Hubs;

/// <summary>Turns what a hub or the network answers into errors that say what to do.</summary>
/// <param name="source">The hub.</param>
/// <param name="repository">What was asked for.</param>
internal sealed class HubErrors(HubSource source, HubRepository repository)
{
    private string Place => $"{repository.Id} on {source.Name} ({source.Endpoint.Authority})";

    /// <summary>An answer that no hub gives.</summary>
    public CheckpointException NotAHub(string found) => new(new Problem(
        Place, "the answer is not that of such a hub", "a listing of files", found,
        "Check endpoint, source and proxies that answer in the hub's place."));

    /// <summary>A revision that is not there.</summary>
    public OptionsException NoRevision(string revision) => new(new Problem(
        Place, $"the {repository.Kind} has no revision '{revision}', or nothing in it", "a branch, tag or commit",
        Hint: $"{source.PageOf(repository)} lists them."));

    /// <summary>A hub that says no in its own words.</summary>
    public OptionsException Refused(string message) => new(new Problem(Place, "the hub refuses", Found: FileErrors.Quote(message)));

    /// <summary>The error of an answer without success; for those that may pass, a <see cref="HubInterruption"/>.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="body">The beginning of its body.</param>
    /// <param name="what">What was asked for; empty for the repository itself.</param>
    /// <param name="wait">How long the hub asks to wait.</param>
    public Exception Of(HttpResponseMessage response, ReadOnlySpan<byte> body, string what, TimeSpan? wait)
    {
        var words = WordsOf(response, body);
        switch (response.StatusCode)
        {
            case HttpStatusCode.TooManyRequests:
                var later = $"Try later; with a token ({source.TokenVariable}) more is allowed.";
                return new HubInterruption(new Problem(Place, "the hub is asked too often", Found: words, Hint: later), wait, null);
            case HttpStatusCode.RequestTimeout or (>= HttpStatusCode.InternalServerError and not HttpStatusCode.NotImplemented):
                var fails = $"the hub fails with status {(int)response.StatusCode}";
                return new HubInterruption(new Problem(Place, fails, Found: words, Hint: "Try later: what has come is kept."), wait, null);
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                return Denied(HeaderOf(response, "X-Error-Code"), words);
            case HttpStatusCode.NotFound:
                return Missing(HeaderOf(response, "X-Error-Code"), what);
            default:
                return new CheckpointException(new Problem(Place, $"the hub answers with status {(int)response.StatusCode}", Found: words));
        }
    }

    /// <summary>The error of a request without an answer; <see cref="HubInterruption"/> when it may pass.</summary>
    public Exception Of(Exception error, bool hasAnswered)
    {
        var (kind, cause) = ((error as HttpRequestException)?.HttpRequestError, error.GetBaseException());
        if (kind == HttpRequestError.SecureConnectionError && cause is AuthenticationException)
        {
            return new CheckpointException(
                new Problem(Place, "the hub's certificate is not trusted, or it speaks no TLS", Found: Said(cause),
                    Hint: "Check --endpoint, the clock and the proxy's certificate."),
                error);
        }

        if (kind == HttpRequestError.NameResolutionError)
        {
            var unknown = new Problem(
                Place, "the name of the hub cannot be looked up", Found: Said(cause),
                Hint: "Is there a network? HTTPS_PROXY names a proxy, --endpoint or HF_ENDPOINT a mirror.");
            return hasAnswered ? new HubInterruption(unknown, null, error) : new CheckpointException(unknown, error);
        }

        var refused = cause is SocketException { SocketErrorCode: SocketError.ConnectionRefused };
        return new HubInterruption(
            new Problem(
                Place,
                refused ? "the hub refuses the connection"
                    : error is TimeoutException ? "the hub does not answer"
                    : "the connection was cut",
                Found: Said(cause),
                Hint: refused ? "Check --endpoint and the network." : "Try later: what has come is kept."),
            null,
            error);
    }

    private static string? HeaderOf(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;

    private static string Said(Exception cause) => FileErrors.Quote(cause.Message.TrimEnd('.'));

    private static string? WordsOf(HttpResponseMessage response, ReadOnlySpan<byte> body)
    {
        if (HeaderOf(response, "X-Error-Message") is { Length: > 0 } header)
        {
            return FileErrors.Quote(header);
        }

        try
        {
            using var json = JsonDocument.Parse(Encoding.UTF8.GetString(body));
            var words = HubJson.Text(json.RootElement, "error") ?? HubJson.Text(json.RootElement, "Message");
            return string.IsNullOrWhiteSpace(words) ? null : FileErrors.Quote(words);
        }
        catch (JsonException)
        {
            // The status says enough; the hub's own words would only have been nicer.
            return null;
        }
    }

    private OptionsException Denied(string? code, string? words)
    {
        var isGated = code == "GatedRepo" || words?.Contains("gated", StringComparison.OrdinalIgnoreCase) == true;
        var what = isGated ? "access is given on request"
            : source.HasToken ? $"the hub does not accept the token, or not for this {repository.Kind}"
            : $"the hub shows this {repository.Kind} to nobody without a token, or has no such {repository.Kind}";
        var hint = isGated ? $"Ask for it at {source.PageOf(repository)}" : "Check the name";
        var token = source.HasToken && !isGated ? " and the token's rights" : $", and put your token into {source.TokenVariable}";
        return new OptionsException(
            new Problem(Place, what, Found: words ?? (source.HasToken ? "a token" : "no token"), Hint: $"{hint}{token}."));
    }

    private OptionsException Missing(string? code, string what) => new(code switch
    {
        "RevisionNotFound" => new Problem(
            Place, $"the {repository.Kind} has no such revision", "a branch, tag or commit",
                Hint: $"{source.PageOf(repository)} lists them."),
        "EntryNotFound" => new Problem(Place, $"{what} is not there", Hint: "The repository changed meanwhile: call again."),
        _ => new Problem(
            Place,
            what.Length > 0 ? $"{what} is not there" : $"there is no such {repository.Kind}",
            Hint: repository.IsDataset
                ? $"Check the name, or try {source.OtherSource}."
                : $"Check the name (a data set needs repo_type dataset), or try {source.OtherSource}."),
    });
}
