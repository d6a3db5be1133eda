using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Guanxi.Cli.Server;

/// <summary>A span a request, with the parent that the client names; nothing is made when nobody listens.</summary>
internal static class Tracing
{
    /// <summary>Name of the source of spans.</summary>
    public const string SourceName = "Guanxi.Server";

    private const string ServerError = "the server failed";
    private const int FirstServerError = 500;

    private static readonly ActivitySource s_source = new(SourceName, ProgramVersion.Number);

    /// <summary>Begins the span of a request.</summary>
    public static Activity? Begin(HttpContext context, string route)
    {
        if (!s_source.HasListeners())
        {
            return null;
        }

        ActivityContext.TryParse(context.Request.Headers.TraceParent, context.Request.Headers.TraceState, isRemote: true, out var parent);
        var activity = s_source.StartActivity($"{context.Request.Method} {route}", ActivityKind.Server, parent);
        activity?.SetTag("http.request.method", context.Request.Method).SetTag("http.route", route).SetTag("url.path", context.Request.Path.Value);
        return activity;
    }

    /// <summary>Tells how the request ended.</summary>
    public static void End(Activity? activity, HttpContext context, RequestFacts facts)
    {
        if (activity is null)
        {
            return;
        }

        activity.SetTag("http.response.status_code", context.Response.StatusCode).SetTag("guanxi.items", facts.Rows.Count);
        if (facts.Predictions is [var only])
        {
            activity.SetTag("guanxi.label", only.Label).SetTag("guanxi.confidence", only.Confidence.ToString("F4", CultureInfo.InvariantCulture));
        }

        if (context.Response.StatusCode >= FirstServerError)
        {
            activity.SetStatus(ActivityStatusCode.Error, ServerError);
        }
    }
}
