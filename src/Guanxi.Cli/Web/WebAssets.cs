using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Guanxi.Cli.Web;

/// <summary>Pages and what they need, embedded in the program: nothing is ever asked of another server.</summary>
internal static class WebAssets
{
    private const string Chinese = "zh-CN";
    private const string English = "en";

    // Scripts and styles only from here, no inline ones, nothing to be framed in: text that found its way into markup could do nothing.
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly Dictionary<string, string> s_contentTypes = new()
    {
        [".html"] = "text/html; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".svg"] = "image/svg+xml",
    };

    /// <summary>Adds a page at the root, and the assets of all pages below <c>/assets</c>.</summary>
    /// <param name="app">The server.</param>
    /// <param name="page">File name of the page.</param>
    /// <param name="facts">What the page is told: each <c>{name}</c> in it becomes the value.</param>
    /// <param name="metadata">Marks of the endpoints.</param>
    public static void MapAssets(this IEndpointRouteBuilder app, string page, IReadOnlyDictionary<string, string> facts, params object[] metadata)
    {
        string[] looks = [HttpMethods.Get, HttpMethods.Head];
        app.MapMethods("/", looks, context => WritePage(context, page, facts)).WithMetadata(metadata);
        app.MapMethods("/assets/{name}", looks, context => WriteAsset(context, (string)context.GetRouteValue("name")!)).WithMetadata(metadata);
    }

    private static Task WritePage(HttpContext context, string page, IReadOnlyDictionary<string, string> facts)
    {
        var html = Encoding.UTF8.GetString(Read(page)!).Replace("{language}", LanguageOf(context.Request), StringComparison.Ordinal);
        foreach (var (name, value) in facts)
        {
            html = html.Replace($"{{{name}}}", value, StringComparison.Ordinal);
        }

        context.Response.Headers.Vary = HeaderNames.AcceptLanguage;
        return Write(context, page, Encoding.UTF8.GetBytes(html));
    }

    private static Task WriteAsset(HttpContext context, string name)
    {
        var isAsset = s_contentTypes.ContainsKey(Path.GetExtension(name)) && !name.EndsWith(".html", StringComparison.Ordinal);
        return isAsset && Read(name) is { } content
            ? Write(context, name, content)
            : throw new HttpProblemException(StatusCodes.Status404NotFound, "there is nothing at this address");
    }

    private static async Task Write(HttpContext context, string name, byte[] content)
    {
        var response = context.Response;
        var tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 8))}\"";
        var headers = response.Headers;
        headers.ETag = tag;
        headers.CacheControl = "no-cache";
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (context.Request.Headers.IfNoneMatch.Contains(tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        (response.ContentType, response.ContentLength) = (s_contentTypes[Path.GetExtension(name)], content.Length);
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(content, context.RequestAborted);
        }
    }

    /// <summary>The first of the reader's languages that the pages speak.</summary>
    private static string LanguageOf(HttpRequest request)
    {
        var wanted = request.GetTypedHeaders().AcceptLanguage.OrderByDescending(language => language.Quality ?? 1)
            .Select(language => language.Value.ToString()).ToArray();
        return wanted.Length == 0 ? Chinese : wanted
            .Select(language => language.StartsWith("zh", StringComparison.OrdinalIgnoreCase) ? Chinese
                : language.StartsWith(English, StringComparison.OrdinalIgnoreCase) ? English
                : null)
            .FirstOrDefault(language => language is not null, English)!;
    }

    private static byte[]? Read(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name);
        if (stream is null)
        {
            return null;
        }

        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }
}
