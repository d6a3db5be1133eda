using System.Net;
using Guanxi.Cli.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Guanxi.Cli.Annotation;

/// <summary>The web server of <c>data annotate</c>: for one machine, and for no other site's pages.</summary>
internal sealed class AnnotationHost : IAsyncDisposable
{
    private const string Localhost = "localhost";

    private static readonly TimeSpan s_lastAnswersLimit = TimeSpan.FromSeconds(2);

    private readonly WebApplication _app;
    private readonly HashSet<string> _names;

    /// <summary>Prepares the server.</summary>
    /// <param name="urls">Where to listen.</param>
    /// <param name="endpoints">What it answers.</param>
    public AnnotationHost(IReadOnlyList<Uri> urls, AnnotationEndpoints endpoints)
    {
        _names = [Localhost, .. urls.Select(url => url.Host)];
        _app = WebServer.Build(urls);
        _app.Use(GuardAsync);
        endpoints.Map(_app);
        _app.MapAssets("annotate.html", new Dictionary<string, string>());
    }

    /// <summary>Addresses that it listens at, with the ports that were found for port 0.</summary>
    public IEnumerable<string> Urls => _app.Urls;

    /// <summary>Begins to listen.</summary>
    /// <exception cref="Transformers.OptionsException">An address is taken, not of this machine, or forbidden.</exception>
    public Task ListenAsync() => WebServer.ListenAsync(_app);

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(s_lastAnswersLimit);
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
    }

    private async Task GuardAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            RefuseStrangers(context.Request);
            await next(context);
            if (!context.Response.HasStarted && context.GetEndpoint() is null)
            {
                throw new HttpProblemException(StatusCodes.Status404NotFound, "there is nothing at this address");
            }
        }
        catch (HttpProblemException problem)
        {
            await Replies.Write(context, problem);
        }
        catch (Exception error) when (!context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted)
        {
            // The last frame of a request: whatever comes here becomes an answer, never a stack trace.
            await Replies.Write(context, new HttpProblemException(StatusCodes.Status500InternalServerError, error.Message));
        }
    }

    /// <summary>
    /// A foreign page reaches this server by a name of its own that it lets point here, or by sending a form: the first is seen by the
    /// host, which then is a name and not one of ours, the second by the origin.
    /// </summary>
    private void RefuseStrangers(HttpRequest request)
    {
        if (!IPAddress.TryParse(request.Host.Host.Trim('[', ']'), out _) && !_names.Contains(request.Host.Host))
        {
            throw new HttpProblemException(StatusCodes.Status421MisdirectedRequest, $"this server does not answer to the name {request.Host.Host}");
        }

        var origin = request.Headers.Origin.ToString();
        if (origin.Length > 0 && origin != $"{request.Scheme}://{request.Host}")
        {
            throw new HttpProblemException(StatusCodes.Status403Forbidden, "only this server's own page may ask");
        }
    }
}
