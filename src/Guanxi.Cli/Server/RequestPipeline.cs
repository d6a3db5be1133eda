using System.Diagnostics;
using Guanxi.Cli.Web;
using Guanxi.Transformers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Guanxi.Cli.Server;

/// <summary>An endpoint that answers without a key.</summary>
internal sealed class NeedsNoKey
{
    /// <summary>The mark to put on an endpoint.</summary>
    public static NeedsNoKey Mark { get; } = new();
}

/// <summary>What happens around every request: origins, keys, problems, counting and logging.</summary>
/// <param name="options">What is let in.</param>
/// <param name="keys">The keys; null asks for none.</param>
/// <param name="metrics">Told of every request.</param>
/// <param name="log">Told of every request; null for none.</param>
internal sealed class RequestPipeline(ServerOptions options, ApiKeys? keys, ServerMetrics metrics, RequestLog? log)
{
    // What proxies log for a client that went away before its answer.
    private const int ClientGone = 499;

    private const string UnknownRoute = "other";

    // Machines ask these every few seconds.
    private static readonly string[] s_unloggedRoutes = ["/healthz", "/readyz", "/metrics"];

    /// <summary>Answers a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="next">The endpoint.</param>
    public async Task RunAsync(HttpContext context, RequestDelegate next)
    {
        var start = Stopwatch.GetTimestamp();
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? UnknownRoute;
        var facts = new RequestFacts();
        context.Features.Set(facts);
        using var activity = Tracing.Begin(context, route);
        try
        {
            await AnswerAsync(context, next);
        }
        catch (Exception error)
        {
            // The last frame of a request: whatever comes here becomes an answer, never a stack trace.
            await RefuseAsync(context, facts, error);
        }

        var duration = Stopwatch.GetElapsedTime(start);
        metrics.Request(route, context.Response.StatusCode, duration);
        Array.ForEach([.. facts.Predictions], metrics.Prediction);
        Tracing.End(activity, context, facts);
        if (!s_unloggedRoutes.Contains(route))
        {
            log?.Write(context, route, facts, duration);
        }
    }

    private async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        if (IsPreflight(context))
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        if (keys is not null && context.GetEndpoint() is { } endpoint && endpoint.Metadata.GetMetadata<NeedsNoKey>() is null && !keys.Admit(context.Request))
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            throw new HttpProblemException(StatusCodes.Status401Unauthorized, "a key is needed: Authorization: Bearer KEY, or X-API-Key: KEY");
        }

        await next(context);
        if (!context.Response.HasStarted && context.GetEndpoint() is not RouteEndpoint)
        {
            throw context.Response.StatusCode == StatusCodes.Status405MethodNotAllowed
                ? new HttpProblemException(StatusCodes.Status405MethodNotAllowed, $"this address takes {context.Response.Headers.Allow}")
                : new HttpProblemException(StatusCodes.Status404NotFound, "there is nothing at this address; /openapi/v1.json tells what there is");
        }
    }

    /// <summary>Allows the named origins to read answers; true for a question about that alone.</summary>
    private bool IsPreflight(HttpContext context)
    {
        var origin = context.Request.Headers.Origin.ToString();
        if (options.CorsOrigins.Count == 0 || origin.Length == 0)
        {
            return false;
        }

        var headers = context.Response.Headers;
        headers.Vary = "Origin";
        if (!options.CorsOrigins.Contains(origin) && !options.CorsOrigins.Contains("*"))
        {
            return false;
        }

        headers.AccessControlAllowOrigin = origin;
        headers.AccessControlExposeHeaders = "Retry-After";
        if (!HttpMethods.IsOptions(context.Request.Method) || context.Request.Headers.AccessControlRequestMethod.Count == 0)
        {
            return false;
        }

        headers.AccessControlAllowMethods = "GET, POST";
        headers.AccessControlAllowHeaders = "Content-Type, Authorization, X-API-Key";
        headers.AccessControlMaxAge = "600";
        return true;
    }

    private static async Task RefuseAsync(HttpContext context, RequestFacts facts, Exception error)
    {
        // A body that is torn off shows itself before the connection does.
        if (context.RequestAborted.IsCancellationRequested || context.Response.HasStarted || error is OperationCanceledException
            || error is IOException and not BadHttpRequestException)
        {
            facts.Problem = "the client went away";
            if (!context.Response.HasStarted)
            {
                context.Response.StatusCode = ClientGone;
            }

            return;
        }

        var problem = ProblemOf(error);
        facts.Problem = error is HttpProblemException or BadHttpRequestException ? problem.Message : $"{error.GetType().Name}: {error.Message}";
        try
        {
            await Replies.Write(context, problem);
        }
        catch (Exception failure) when (failure is OperationCanceledException or IOException)
        {
            // The client went away meanwhile.
        }
    }

    private static HttpProblemException ProblemOf(Exception error) => error switch
    {
        HttpProblemException problem => problem,
        BadHttpRequestException bad => new HttpProblemException(bad.StatusCode, bad.StatusCode == StatusCodes.Status408RequestTimeout
            ? "the request came too slowly"
            : "the request is not valid HTTP") { ClosesConnection = true },
        CheckpointException => new HttpProblemException(StatusCodes.Status500InternalServerError, "the model gives no numbers: its weights are damaged"),
        _ => new HttpProblemException(StatusCodes.Status500InternalServerError, "a fault of the server; its log says more"),
    };
}
