using Guanxi.Transformers;

namespace Guanxi.Cli.Server;

/// <summary>How the server listens, and what it lets in.</summary>
internal sealed record ServerOptions
{
    /// <summary>Where it listens unless told otherwise: nobody but this machine reaches it.</summary>
    public const string DefaultUrls = "http://127.0.0.1:5000";

    /// <summary>Addresses to listen at.</summary>
    public required IReadOnlyList<Uri> Urls { get; init; }

    /// <summary>Pages of other origins that may ask.</summary>
    public required IReadOnlyList<string> CorsOrigins { get; init; }

    /// <summary>File of the keys; null: no key is asked for.</summary>
    public required string? ApiKeyFile { get; init; }

    /// <summary>File of corrected labels; null: none are taken.</summary>
    public required string? FeedbackFile { get; init; }

    /// <summary>Whether a line is written for every request.</summary>
    public required bool LogsRequests { get; init; }

    /// <summary>Whether that line holds the texts.</summary>
    public required bool LogsTexts { get; init; }

    /// <summary>Whether other machines may reach it.</summary>
    public bool IsOpen => Urls.Any(url => !url.IsLoopback);

    /// <summary>Reads addresses.</summary>
    /// <param name="text">Addresses, separated by semicolons; * and + stand for every address of this machine.</param>
    /// <exception cref="OptionsException">One is no address to listen at.</exception>
    public static IReadOnlyList<Uri> ReadUrls(string text)
    {
        var urls = new List<Uri>();
        foreach (var part in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var spelled = part.Replace("://*", "://0.0.0.0", StringComparison.Ordinal).Replace("://+", "://0.0.0.0", StringComparison.Ordinal);
            if (!Uri.TryCreate(spelled, UriKind.Absolute, out var url) || url.Scheme != Uri.UriSchemeHttp || url.AbsolutePath != "/")
            {
                throw new OptionsException(new Problem(
                    "--urls", "not an address to listen at", "http://HOST:PORT, several with ; between", $"'{part}'", "For https put a proxy such as nginx in front."));
            }

            urls.Add(url);
        }

        return urls.Count > 0 ? urls : throw new OptionsException(new Problem("--urls", "there is no address to listen at", DefaultUrls, $"'{text}'"));
    }

    /// <summary>Reads an origin.</summary>
    /// <exception cref="OptionsException">It is none.</exception>
    public static string ReadOrigin(string text) =>
        text == "*" || (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.GetLeftPart(UriPartial.Authority) == text && url.Scheme is "http" or "https")
            ? text
            : throw new OptionsException(new Problem("--cors", "not an origin", "https://HOST or https://HOST:PORT, without a path, or *", $"'{text}'"));
}
