using System.Diagnostics;
using System.Globalization;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Microsoft.AspNetCore.Http;

namespace Guanxi.Cli.Server;

/// <summary>What is known of a request beside its status; whoever answers it fills it in.</summary>
internal sealed class RequestFacts
{
    /// <summary>Rows that were asked about.</summary>
    public IReadOnlyList<RelationExample> Rows { get; set; } = [];

    /// <summary>Answers.</summary>
    public IReadOnlyList<RelationPrediction> Predictions { get; set; } = [];

    /// <summary>Why it was not answered; null when it was.</summary>
    public string? Problem { get; set; }
}

/// <summary>Writes a line of JSON a request to standard error.</summary>
/// <param name="output">Where to.</param>
/// <param name="showsTexts">Whether what users wrote may be in it.</param>
internal sealed class RequestLog(TextWriter output, bool showsTexts)
{
    /// <summary>Writes a line.</summary>
    public void Write(HttpContext context, string route, RequestFacts facts, TimeSpan duration)
    {
        var json = new JsonLineWriter().StartObject()
            .Name("time").Value(DateTimeOffset.UtcNow.ToString("O", CultureInfo.InvariantCulture))
            .Name("method").Value(context.Request.Method)
            .Name("route").Value(route)
            .Name("status").Value(context.Response.StatusCode)
            .Name("milliseconds").Value(duration.TotalMilliseconds)
            .Name("client").Value(context.Connection.RemoteIpAddress?.ToString());
        if (Activity.Current is { } activity)
        {
            json.Name("trace_id").Value(activity.TraceId.ToString());
        }

        if (facts.Rows.Count > 0)
        {
            json.Name("items").Value(facts.Rows.Count);
        }

        if (facts.Predictions.Count > 0)
        {
            json.Name("labels").List(facts.Predictions.Select(prediction => prediction.Label));
        }

        if (facts.Problem is not null)
        {
            json.Name("problem").Value(facts.Problem);
        }

        if (showsTexts)
        {
            WriteTexts(json, facts.Rows);
        }

        // One call a line: the writer is shared by all requests.
        output.WriteLine(json.EndObject().ToString());
    }

    private static void WriteTexts(JsonLineWriter json, IReadOnlyList<RelationExample> rows)
    {
        json.Name("rows").StartArray();
        foreach (var row in rows)
        {
            json.StartObject()
                .Name(RelationInput.TextField).Value(row.Text)
                .Name(RelationInput.Person1Field).Value(row.Person1)
                .Name(RelationInput.Person2Field).Value(row.Person2)
                .EndObject();
        }

        json.EndArray();
    }
}
