using System.Text.Json;
using Guanxi.Cli.Web;
using Guanxi.Relations;

namespace Guanxi.Cli.Server;

/// <summary>Makes rows of the JSON of requests, and gathers everything that is wrong with them.</summary>
internal sealed class RequestReader
{
    private const string Items = "items";
    private const string Probabilities = "probabilities";

    private readonly List<RequestFault> _malformed = [];
    private readonly List<RequestFault> _unusable = [];

    /// <summary>Reads <c>{"text", "people1", "people2", ...}</c>.</summary>
    /// <exception cref="HttpProblemException">It is something else.</exception>
    public static IReadOnlyList<RelationExample> One(JsonElement root)
    {
        var reader = new RequestReader();
        return reader.Finish([reader.Row(reader.Object(root, null), null, null)]);
    }

    /// <summary>Reads <c>{"items": [...]}</c>, or one item unwrapped; beside either <c>"probabilities": false</c>.</summary>
    /// <returns>The rows, and whether their labels are enough.</returns>
    /// <exception cref="HttpProblemException">It is something else.</exception>
    public static (IReadOnlyList<RelationExample> Rows, bool LabelsOnly) Many(JsonElement root)
    {
        var reader = new RequestReader();
        if (reader.Object(root, null) is not { } members)
        {
            return (reader.Finish([]), false);
        }

        var labelsOnly = !reader.Wants(members);
        if (!root.TryGetProperty(Items, out var items))
        {
            return (reader.Finish([reader.Row(members, null, null)]), labelsOnly);
        }

        if (items.ValueKind != JsonValueKind.Array)
        {
            reader._malformed.Add(new RequestFault(null, Items, $"a list was expected, found {KindOf(items)}"));
            return (reader.Finish([]), labelsOnly);
        }

        return (reader.Finish([.. items.EnumerateArray().Select((item, at) => reader.Row(reader.Object(item, at), at, null))]), labelsOnly);
    }

    /// <summary>Reads a row with the label that it should have.</summary>
    /// <param name="root">The body.</param>
    /// <param name="schema">The labels.</param>
    /// <exception cref="HttpProblemException">It is something else, or the label is unknown.</exception>
    public static RelationExample Corrected(JsonElement root, RelationSchema schema)
    {
        var reader = new RequestReader();
        return reader.Finish([reader.Row(reader.Object(root, null), null, schema)])[0];
    }

    private IReadOnlyList<RelationExample> Finish(RelationExample?[] rows)
    {
        if (_malformed.Count > 0)
        {
            throw HttpProblemException.Malformed(_malformed);
        }

        return _unusable.Count > 0 ? throw HttpProblemException.Unusable(_unusable) : [.. rows.Select(row => row!)];
    }

    private JsonElement? Object(JsonElement element, int? item)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            return element;
        }

        _malformed.Add(new RequestFault(item, null, $"an object was expected, found {KindOf(element)}"));
        return null;
    }

    private RelationExample? Row(JsonElement? row, int? item, RelationSchema? schema)
    {
        if (row is not { } members)
        {
            return null;
        }

        var before = _malformed.Count;
        var input = new RelationInput(
            Text(members, RelationInput.TextField, item), Text(members, RelationInput.Person1Field, item), Text(members, RelationInput.Person2Field, item),
            Span(members, RelationInput.Span1Field, item), Span(members, RelationInput.Span2Field, item),
            schema is null ? null : Text(members, RelationInput.LabelField, item));
        if (_malformed.Count == before)
        {
            RequireMembers(input, schema is not null, item);
        }

        if (_malformed.Count > before)
        {
            return null;
        }

        var faults = new List<InputFault>();
        var example = input.Build(new SourcePlace("request", 1, 1 + (item ?? 0)), requireLabel: schema is not null, schema, faults);
        _unusable.AddRange(faults.Select(fault => new RequestFault(item, fault.Field, Message(fault))));
        return example;
    }

    private bool Wants(JsonElement root)
    {
        if (!root.TryGetProperty(Probabilities, out var value) || value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.ValueKind != JsonValueKind.False;
        }

        _malformed.Add(new RequestFault(null, Probabilities, $"true or false was expected, found {KindOf(value)}"));
        return true;
    }

    private void RequireMembers(RelationInput input, bool needsLabel, int? item)
    {
        var isMarked = input.Text is not null && input.Span1 is null && input.Span2 is null && EntityMarkers.HasAny(input.Text);
        foreach (var (name, value, isNeeded) in ((string, string?, bool)[])[
            (RelationInput.TextField, input.Text, true), (RelationInput.Person1Field, input.Person1, !isMarked),
            (RelationInput.Person2Field, input.Person2, !isMarked), (RelationInput.LabelField, input.Label, needsLabel)])
        {
            if (isNeeded && value is null)
            {
                _malformed.Add(new RequestFault(item, name, $"{name} is missing"));
            }
        }
    }

    private string? Text(JsonElement row, string name, int? item)
    {
        if (!row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString();
        }

        _malformed.Add(new RequestFault(item, name, $"a text was expected, found {KindOf(value)}"));
        return null;
    }

    private TextSpan? Span(JsonElement row, string name, int? item)
    {
        if (!row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2 && value.EnumerateArray().All(end => end.ValueKind == JsonValueKind.Number)
            && value[0].TryGetInt32(out var start) && value[1].TryGetInt32(out var end))
        {
            return new TextSpan(start, end);
        }

        _malformed.Add(new RequestFault(item, name, "a span was expected: [start, end], whole numbers that count UTF-16 units"));
        return null;
    }

    private static string Message(InputFault fault)
    {
        var message = fault.What;
        message += fault.Expected is null ? "" : $"; expected {fault.Expected}";
        message += fault.Found is null ? "" : $"; found '{Excerpt.Of(fault.Found)}'";
        return fault.Hint is null ? message : $"{message}. {fault.Hint}";
    }

    private static string KindOf(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };
}
