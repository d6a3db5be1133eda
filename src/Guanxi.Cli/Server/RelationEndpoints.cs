using System.Diagnostics;
using System.Reflection;
using Guanxi.Cli.Web;
using Guanxi.Relations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Guanxi.Cli.Server;

/// <summary>The server's addresses. <c>openapi.json</c> describes the same for clients; tests hold the two together.</summary>
/// <param name="service">The model.</param>
/// <param name="metrics">What <c>/metrics</c> shows.</param>
/// <param name="feedback">Where corrected labels go; null takes none.</param>
internal sealed class RelationEndpoints(RelationService service, ServerMetrics metrics, FeedbackFile? feedback)
{
    private const string PlainText = "text/plain; charset=utf-8";

    /// <summary>Adds them all.</summary>
    public void Map(IEndpointRouteBuilder app)
    {
        app.MapPost("/people_rel_cls", (RequestDelegate)ClassifyOneAsync);
        app.MapPost("/v1/classify", (RequestDelegate)ClassifyManyAsync);
        app.MapPost("/v1/feedback", (RequestDelegate)TakeFeedbackAsync);
        app.MapGet("/v1/labels", context => Replies.WriteJson(context, AnswerWriter.Labels(service.Schema)));
        app.MapGet("/metrics", context => Replies.Write(context, StatusCodes.Status200OK, PrometheusText.ContentType, metrics.Show(service)));
        string[] looks = [HttpMethods.Get, HttpMethods.Head];
        app.MapMethods("/healthz", looks, context => Replies.Write(context, StatusCodes.Status200OK, PlainText, "alive\n")).WithMetadata(NeedsNoKey.Mark);
        app.MapMethods("/readyz", looks, ShowReadinessAsync).WithMetadata(NeedsNoKey.Mark);
        var description = new Lazy<string>(ReadDescription);
        app.MapGet("/openapi/v1.json", context => Replies.WriteJson(context, description.Value)).WithMetadata(NeedsNoKey.Mark);
        app.MapPage(takesFeedback: feedback is not null);
    }

    private async Task ClassifyOneAsync(HttpContext context)
    {
        var rows = await RequestBody.ReadAsync(context, RequestReader.One);
        var predictions = await AskAsync(context, rows, labelsOnly: false);
        await Replies.WriteJson(context, AnswerWriter.One(service.Schema, predictions[0]));
    }

    private async Task ClassifyManyAsync(HttpContext context)
    {
        var start = Stopwatch.GetTimestamp();
        var (rows, labelsOnly) = await RequestBody.ReadAsync(context, RequestReader.Many);
        var predictions = await AskAsync(context, rows, labelsOnly);
        var form = new AnswerForm(service.Schema, labelsOnly, service.ModelName!);
        var answer = AnswerWriter.Many(form, [.. rows.Zip(predictions)], Stopwatch.GetElapsedTime(start));
        await Replies.WriteJson(context, answer);
    }

    private async Task<IReadOnlyList<RelationPrediction>> AskAsync(HttpContext context, IReadOnlyList<RelationExample> rows, bool labelsOnly)
    {
        var facts = context.Features.GetRequiredFeature<RequestFacts>();
        facts.Rows = rows;
        return facts.Predictions = await service.ClassifyAsync(rows, labelsOnly, context.RequestAborted);
    }

    private async Task TakeFeedbackAsync(HttpContext context)
    {
        if (feedback is null)
        {
            throw new HttpProblemException(StatusCodes.Status404NotFound, "corrected labels are not taken: the server was started without --feedback");
        }

        var row = await RequestBody.ReadAsync(context, root => RequestReader.Corrected(root, service.Schema));
        context.Features.GetRequiredFeature<RequestFacts>().Rows = [row];
        try
        {
            feedback.Append(row);
        }
        catch (IOException)
        {
            throw new HttpProblemException(StatusCodes.Status507InsufficientStorage, "the corrected label could not be written");
        }

        await Replies.WriteJson(context, "{\"stored\": true}");
    }

    private Task ShowReadinessAsync(HttpContext context) => service.State == ServiceState.Ready
        ? Replies.Write(context, StatusCodes.Status200OK, PlainText, "ready\n")
        : Replies.Write(context, service.Unavailable());

    private static string ReadDescription()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("openapi.json")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Replace("{version}", ProgramVersion.Number, StringComparison.Ordinal);
    }
}
