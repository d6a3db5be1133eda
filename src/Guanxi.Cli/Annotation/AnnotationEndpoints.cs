using System.Globalization;
using System.Text.Json;
using Guanxi.Cli.Web;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Guanxi.Cli.Annotation;

/// <summary>What the page asks: rows, and to write what the annotator says of them.</summary>
/// <param name="store">The rows.</param>
/// <param name="labels">Labels in the order of their keys.</param>
/// <param name="dataName">What the page calls the data.</param>
/// <param name="worker">Who asks the model; null without one.</param>
internal sealed class AnnotationEndpoints(AnnotationStore store, IReadOnlyList<string> labels, string dataName, SuggestionWorker? worker)
{
    private const string Position = "position";
    private const string Filter = "filter";
    private const int LongestNote = 4000;

    /// <summary>Adds them all.</summary>
    public void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/api/state", context => Replies.WriteJson(context, State()));
        app.MapGet("/api/rows/{number:int}", ShowRow);
        app.MapPost("/api/go", (RequestDelegate)GoAsync);
        app.MapPost("/api/rows/{number:int}", PutAsync);
        app.MapPost("/api/undo", (RequestDelegate)UndoAsync);
        app.MapGet("/api/export", ExportAsync);
    }

    private string State()
    {
        var json = new JsonLineWriter().StartObject().Name("data").Value(dataName).Name("labels").List(labels)
            .Name("forms").List(DatasetWriter.FormNames)
            .Name("has_model").Value(worker is not null)
            .Name("position").Value(int.Parse(store.Setting(Position) ?? "1", CultureInfo.InvariantCulture))
            .Name("filter").Value(store.Setting(Filter) ?? Name(RowFilter.All));
        return WithProgress(json).EndObject().ToString();
    }

    private Task ShowRow(HttpContext context) => Answer(context, NumberOf(context));

    /// <summary>Goes to a row, or to the next one that a filter lets through, and keeps the place.</summary>
    private async Task GoAsync(HttpContext context)
    {
        var (from, step, filter) = await RequestBody.ReadAsync(
            context, root => (Whole(root, "from"), Whole(root, "step"), FilterOf(Text(root, "filter"))));
        var to = step == 0 ? from : store.Next(from, step > 0, filter);
        store.Set(Filter, Name(filter));
        if (to is { } number && store.Row(number) is not null)
        {
            store.Set(Position, number.ToString(CultureInfo.InvariantCulture));
            if (worker is not null)
            {
                worker.Position = number;
            }
        }

        await Answer(context, to);
    }

    private async Task PutAsync(HttpContext context)
    {
        var number = NumberOf(context);
        var (mark, revision, tab) = await RequestBody.ReadAsync(context, ReadMark);
        if (store.Row(number) is null)
        {
            throw new HttpProblemException(StatusCodes.Status404NotFound, $"there is no row {number}");
        }

        await Guarded(context, () =>
        {
            store.Put(number, mark, revision, tab);
            return number;
        });
    }

    private async Task UndoAsync(HttpContext context)
    {
        var tab = await RequestBody.ReadAsync(context, root => Text(root, "tab") ?? "");
        await Guarded(context, () => store.Undo(tab));
    }

    private async Task Guarded(HttpContext context, Func<int?> change)
    {
        try
        {
            await Answer(context, change());
        }
        catch (MarkConflictException conflict)
        {
            // The row as it is now tells the tab what happened.
            await Replies.Write(context, StatusCodes.Status409Conflict, "application/json", RowJson(conflict.Number));
        }
    }

    private async Task ExportAsync(HttpContext context)
    {
        var word = context.Request.Query["form"].ToString();
        if (!DatasetWriter.FormNames.Contains(word))
        {
            throw new HttpProblemException(StatusCodes.Status400BadRequest, $"the form must be one of {string.Join(", ", DatasetWriter.FormNames)}");
        }

        var form = DatasetWriter.FormOf(word);
        EncodedRows file;
        try
        {
            file = AnnotationExport.Make(store, form);
        }
        catch (OptionsException error)
        {
            throw new HttpProblemException(StatusCodes.Status422UnprocessableEntity, error.Message);
        }

        var (response, name) = (context.Response, $"{Path.GetFileNameWithoutExtension(dataName)}-labelled{DatasetWriter.ExtensionOf(form)}");
        response.Headers.ContentDisposition = $"attachment; filename*=UTF-8''{Uri.EscapeDataString(name)}";
        response.Headers["X-Rows"] = file.Count.ToString(CultureInfo.InvariantCulture);
        response.Headers["X-Rows-Left-Out"] = file.LeftOut.Count.ToString(CultureInfo.InvariantCulture);
        (response.ContentType, response.ContentLength) = ("application/octet-stream", file.Content.Length);
        await response.Body.WriteAsync(file.Content, context.RequestAborted);
    }

    private Task Answer(HttpContext context, int? number) => Replies.WriteJson(context, RowJson(number));

    private string RowJson(int? number)
    {
        var json = new JsonLineWriter().StartObject().Name("row");
        if (number is { } known && store.Row(known) is { } row)
        {
            WriteRow(json, row);
        }
        else
        {
            json.Value((string?)null);
        }

        return WithProgress(json).EndObject().ToString();
    }

    private JsonLineWriter WithProgress(JsonLineWriter json)
    {
        var progress = store.Progress;
        return json.Name("progress").StartObject()
            .Name("rows").Value(progress.Rows)
            .Name("labelled").Value(progress.Labelled)
            .Name("skipped").Value(progress.Skipped)
            .Name("suggested").Value(progress.Suggested)
            .Name("disagreeing").Value(progress.Disagreeing)
            .EndObject()
            .Name("model_problem").Value(worker?.Problem);
    }

    private static void WriteRow(JsonLineWriter json, AnnotatedRow row)
    {
        var (first, second) = Mentions.Locate(row.Example);
        json.StartObject()
            .Name("number").Value(row.Number)
            .Name(RelationInput.TextField).Value(row.Example.Text)
            .Name(RelationInput.Person1Field).Value(row.Example.Person1)
            .Name(RelationInput.Person2Field).Value(row.Example.Person2)
            .Name(RelationInput.Span1Field).StartArray().Value(first.Start).Value(first.End).EndArray()
            .Name(RelationInput.Span2Field).StartArray().Value(second.Start).Value(second.End).EndArray()
            .Name("given_label").Value(row.Example.Label)
            .Name("label").Value(row.Mark.Label)
            .Name("skipped").Value(row.Mark.IsSkipped)
            .Name("note").Value(row.Mark.Note)
            .Name("revision").Value(row.Revision)
            .Name("suggested_label").Value(row.Suggestion?.Label)
            .Name("suggestion").Value(row.Suggestion?.Probabilities)
            .EndObject();
    }

    private (Mark Mark, long Revision, string Tab) ReadMark(JsonElement root)
    {
        var label = Text(root, "label");
        if (label is not null && !labels.Contains(label))
        {
            throw new HttpProblemException(StatusCodes.Status422UnprocessableEntity, $"the label is not one of {string.Join(", ", labels)}");
        }

        var note = Text(root, "note") ?? "";
        if (note.Length > LongestNote)
        {
            throw new HttpProblemException(StatusCodes.Status422UnprocessableEntity, $"a note has at most {LongestNote} characters");
        }

        return (new Mark(label, Member(root, "skipped") is { ValueKind: JsonValueKind.True }, note), Whole(root, "revision"), Text(root, "tab") ?? "");
    }

    private static int NumberOf(HttpContext context) => int.Parse((string)context.GetRouteValue("number")!, CultureInfo.InvariantCulture);

    private static int Whole(JsonElement root, string name) =>
        Member(root, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out var number)
            ? number
            : throw new HttpProblemException(StatusCodes.Status400BadRequest, $"{name} must be a whole number");

    private static string? Text(JsonElement root, string name) =>
        Member(root, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static JsonElement? Member(JsonElement root, string name) =>
        root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out var value) ? value : null;

    private static RowFilter FilterOf(string? name)
    {
        var filters = Enum.GetValues<RowFilter>();
        var at = Array.FindIndex(filters, filter => Name(filter) == (name ?? Name(RowFilter.All)));
        return at >= 0 ? filters[at] : throw new HttpProblemException(
            StatusCodes.Status400BadRequest, $"filter must be one of {string.Join(", ", filters.Select(Name))}");
    }

    private static string Name(RowFilter filter) => $"{filter}".ToLowerInvariant();
}
