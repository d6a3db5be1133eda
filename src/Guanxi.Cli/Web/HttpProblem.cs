using System.Globalization;
using System.Text;
using Guanxi.Relations.Formats;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Guanxi.Cli.Web;

/// <summary>One thing wrong with a request.</summary>
/// <param name="Item">Which item of the request, from 0; null when it has no items.</param>
/// <param name="Field">The member that is wrong; null for the whole.</param>
/// <param name="Message">What is wrong with it.</param>
internal sealed record RequestFault(int? Item, string? Field, string Message);

/// <summary>A request that is not answered as asked: its status, and the reason in the form of RFC 9457.</summary>
internal sealed class HttpProblemException(int status, string detail) : Exception(detail)
{
    /// <summary>The HTTP status.</summary>
    public int Status => status;

    /// <summary>Everything that is wrong, where there is more to say than one sentence.</summary>
    public IReadOnlyList<RequestFault> Faults { get; init; } = [];

    /// <summary>When to try again; null where that would not help.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether the connection cannot be used any more, because a part of the request was not read.</summary>
    public bool ClosesConnection { get; init; }

    /// <summary>A request that does not have the form it should have.</summary>
    public static HttpProblemException Malformed(IReadOnlyList<RequestFault> faults) =>
        new(StatusCodes.Status400BadRequest, "the request has not the form that it should have") { Faults = faults };

    /// <summary>A request of the right form that cannot be answered.</summary>
    public static HttpProblemException Unusable(IReadOnlyList<RequestFault> faults) =>
        new(StatusCodes.Status422UnprocessableEntity, "the request is well formed, but what it asks cannot be answered") { Faults = faults };
}

/// <summary>Writes answers.</summary>
internal static class Replies
{
    private const string ProblemType = "application/problem+json";

    /// <summary>Answers 200 with JSON.</summary>
    public static Task WriteJson(HttpContext context, string json) => Write(context, StatusCodes.Status200OK, "application/json", json);

    /// <summary>Answers with a text of any kind.</summary>
    public static async Task Write(HttpContext context, int status, string contentType, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var response = context.Response;
        (response.StatusCode, response.ContentType, response.ContentLength) = (status, contentType, bytes.Length);
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(bytes, context.RequestAborted);
        }
    }

    /// <summary>Answers with a problem.</summary>
    public static Task Write(HttpContext context, HttpProblemException problem)
    {
        var headers = context.Response.Headers;
        headers.CacheControl = "no-store";
        if (problem.RetryAfter is { } wait)
        {
            headers.RetryAfter = ((long)Math.Max(1, Math.Ceiling(wait.TotalSeconds))).ToString(CultureInfo.InvariantCulture);
        }

        if (problem.ClosesConnection)
        {
            headers.Connection = "close";
        }

        return Write(context, problem.Status, ProblemType, Json(problem));
    }

    private static string Json(HttpProblemException problem)
    {
        var json = new JsonLineWriter().StartObject()
            .Name("type").Value("about:blank")
            .Name("title").Value(ReasonPhrases.GetReasonPhrase(problem.Status))
            .Name("status").Value(problem.Status)
            .Name("detail").Value(problem.Message);
        if (problem.Faults.Count > 0)
        {
            json.Name("errors").StartArray();
            foreach (var fault in problem.Faults)
            {
                json.StartObject();
                if (fault.Item is { } item)
                {
                    json.Name("item").Value(item);
                }

                if (fault.Field is { } field)
                {
                    json.Name("field").Value(field);
                }

                json.Name("message").Value(fault.Message).EndObject();
            }

            json.EndArray();
        }

        return json.EndObject().ToString();
    }
}
