using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Guanxi.Cli.Tests.Server;

/// <summary>The server's own description, and whether what it says and takes is what it describes. Knows the words of JSON Schema that are used.</summary>
internal sealed class OpenApiDocument(JsonElement root)
{
    /// <summary>Addresses and methods, e.g. <c>POST /v1/classify</c>.</summary>
    public IEnumerable<string> Operations => root.GetProperty("paths").EnumerateObject()
        .SelectMany(path => path.Value.EnumerateObject().Select(method => $"{method.Name.ToUpperInvariant()} {path.Name}"));

    /// <summary>Asserts that an answer is one of those that are described.</summary>
    public void AssertAnswer(string method, string path, int status, string? contentType, string body)
    {
        var responses = Operation(method, path).GetProperty("responses");
        Assert.True(responses.TryGetProperty($"{status}", out var response), $"{method} {path} does not say that it answers {status}");
        var content = Assert.Single(response.GetProperty("content").EnumerateObject());
        Assert.Equal(content.Name, contentType?.Split(';')[0]);
        if (content.Name.EndsWith("json", StringComparison.Ordinal))
        {
            var complaint = Check(JsonSerializer.Deserialize<JsonElement>(body), content.Value.GetProperty("schema"), "$");
            Assert.True(complaint is null, $"{method} {path} {status}: {complaint}\n{body}");
        }
    }

    /// <summary>Whether a request has the form that is described.</summary>
    public bool Takes(string method, string path, JsonElement body)
    {
        var schema = Operation(method, path).GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("schema");
        return Check(body, schema, "$") is null;
    }

    /// <summary>The example of a request.</summary>
    public string Example(string method, string path) =>
        Operation(method, path).GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("example").GetRawText();

    private JsonElement Operation(string method, string path) => root.GetProperty("paths").GetProperty(path).GetProperty(method.ToLowerInvariant());

    private string? Check(JsonElement value, JsonElement schema, string at)
    {
        foreach (var word in schema.EnumerateObject())
        {
            if (CheckWord(value, schema, word, at) is { } complaint)
            {
                return complaint;
            }
        }

        return null;
    }

    private string? CheckWord(JsonElement value, JsonElement schema, JsonProperty word, string at) => word.Name switch
    {
        "$ref" => Check(value, Referred(word.Value.GetString()!), at),
        "allOf" => word.Value.EnumerateArray().Select(part => Check(value, part, at)).FirstOrDefault(complaint => complaint is not null),
        "anyOf" => word.Value.EnumerateArray().Any(part => Check(value, part, at) is null) ? null : $"{at} is none of what it may be",
        "type" => Types(word.Value).Any(type => Is(value, type)) ? null : $"{at} is {value.ValueKind}, not {word.Value}",
        "required" => word.Value.EnumerateArray().Select(name => name.GetString()!)
            .Where(name => value.ValueKind == JsonValueKind.Object && !value.TryGetProperty(name, out _)).Select(name => $"{at} has no {name}").FirstOrDefault(),
        "properties" => Members(value).Where(member => word.Value.TryGetProperty(member.Name, out _))
            .Select(member => Check(member.Value, word.Value.GetProperty(member.Name), $"{at}.{member.Name}")).FirstOrDefault(complaint => complaint is not null),
        "additionalProperties" => Members(value).Where(member => !schema.TryGetProperty("properties", out var known) || !known.TryGetProperty(member.Name, out _))
            .Select(member => word.Value.ValueKind == JsonValueKind.False ? $"{at} has {member.Name}" : Check(member.Value, word.Value, $"{at}.{member.Name}"))
            .FirstOrDefault(complaint => complaint is not null),
        "items" => Items(value).Select((item, i) => Check(item, word.Value, $"{at}[{i}]")).FirstOrDefault(complaint => complaint is not null),
        "minItems" => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() < word.Value.GetInt32() ? $"{at} is too short" : null,
        "maxItems" => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > word.Value.GetInt32() ? $"{at} is too long" : null,
        "minLength" => value.ValueKind == JsonValueKind.String && value.GetString()!.Length < word.Value.GetInt32() ? $"{at} is too short" : null,
        "minimum" => value.ValueKind == JsonValueKind.Number && value.GetDouble() < word.Value.GetDouble() ? $"{at} is too small" : null,
        "maximum" => value.ValueKind == JsonValueKind.Number && value.GetDouble() > word.Value.GetDouble() ? $"{at} is too large" : null,
        "pattern" => value.ValueKind == JsonValueKind.String && !Regex.IsMatch(value.GetString()!, word.Value.GetString()!) ? $"{at} is '{value}'" : null,
        "description" or "default" => null,
        _ => throw new InvalidDataException($"this check does not know the word {word.Name}"),
    };

    private JsonElement Referred(string reference) => reference.Split('/')[1..].Aggregate(root, (element, name) => element.GetProperty(name));

    private static IEnumerable<string> Types(JsonElement type) =>
        type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Select(one => one.GetString()!) : [type.GetString()!];

    private static JsonElement.ObjectEnumerator Members(JsonElement value) => value.ValueKind == JsonValueKind.Object ? value.EnumerateObject() : default;

    private static JsonElement.ArrayEnumerator Items(JsonElement value) => value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : default;

    private static bool Is(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "null" => value.ValueKind == JsonValueKind.Null,
        _ => throw new InvalidDataException($"this check does not know the type {type}"),
    };
}
