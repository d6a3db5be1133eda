namespace Guanxi.Transformers.Hubs;

/// <summary>A kind of hub: its addresses, its listing, and how it is shown a token.</summary>
internal abstract class HubSource
{
    private readonly string? _token;

    /// <summary>Makes a source.</summary>
    /// <param name="endpoint">Where the hub is.</param>
    /// <param name="token">The user's token, or null.</param>
    protected HubSource(Uri endpoint, string? token) => (Endpoint, _token) = (endpoint, token);

    /// <summary>Name for people.</summary>
    public abstract string Name { get; }

    /// <summary>Branch that is meant when none is named.</summary>
    public abstract string DefaultRevision { get; }

    /// <summary>Environment variable that the token is read from.</summary>
    public abstract string TokenVariable { get; }

    /// <summary>What to try when a repository is not here.</summary>
    public abstract string OtherSource { get; }

    /// <summary>Where the hub is.</summary>
    public Uri Endpoint { get; }

    /// <summary>Whether there is a token.</summary>
    public bool HasToken => _token is not null;

    /// <summary>The hub that options and environment ask for.</summary>
    /// <exception cref="OptionsException">Its address is none, or it must not be asked.</exception>
    public static HubSource Of(HubDownloadOptions options, HubVariables variables)
    {
        if (options.IsModelScope)
        {
            return new ModelScopeHub(Address(options.Endpoint ?? variables.ModelScopeEndpoint), variables.ModelScopeToken());
        }

        if (variables.IsOffline)
        {
            throw new OptionsException(new Problem(
                HubVariables.OfflineName, "the environment forbids asking the hub",
                    Hint: "Unset it (or TRANSFORMERS_OFFLINE) for this call."));
        }

        return new HuggingFaceHub(Address(options.Endpoint ?? variables.HuggingFaceEndpoint), variables.HuggingFaceToken());
    }

    /// <summary>Page of a repository, for people.</summary>
    public abstract Uri PageOf(HubRepository repository);

    /// <summary>Asks what a repository holds.</summary>
    /// <exception cref="OptionsException">There is no such repository or revision, or it is not shown to this user.</exception>
    /// <exception cref="CheckpointException">The hub does not answer, or not as a hub does.</exception>
    public abstract Task<HubListing> ListAsync(HubClient client, HubRepository repository, string revision, CancellationToken stop);

    /// <summary>Shows the token, if the request goes to the hub itself: whoever it redirects to must not see it.</summary>
    public void Authorize(HttpRequestMessage request)
    {
        if (_token is not null && IsOwn(request.RequestUri!))
        {
            ShowToken(request, _token);
        }
    }

    /// <summary>Whether an address belongs to the hub: the same scheme, host and port.</summary>
    public bool IsOwn(Uri address) =>
        Uri.Compare(address, Endpoint, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;

    /// <summary>Writes the token into a request.</summary>
    protected abstract void ShowToken(HttpRequestMessage request, string token);

    /// <summary>An address of the hub.</summary>
    /// <param name="pathAndQuery">What follows the endpoint, from its slash on, escaped.</param>
    protected Uri At(string pathAndQuery) => new(Endpoint.AbsoluteUri.TrimEnd('/') + pathAndQuery);

    /// <summary>A path in a repository, escaped but for its slashes.</summary>
    protected static string EscapePath(string path) => string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    private static Uri Address(string text)
    {
        var whole = text.Contains("://", StringComparison.Ordinal) ? text : $"https://{text}";
        return Uri.TryCreate(whole, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            && address.UserInfo.Length == 0
            ? address
            : throw new OptionsException(new Problem("endpoint", "this is no address of a hub", "e.g. https://hf-mirror.com", $"'{text}'"));
    }
}
