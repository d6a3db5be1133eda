using System.Text;
using System.Text.Json;

namespace Guanxi.Relations.Formats;

/// <summary>A line of JSON while it is being read: gives its members and gathers what is wrong with them.</summary>
internal sealed class JsonRow(string line, SourcePlace place, JsonElement root)
{
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    public SourcePlace Place => place;

    public JsonElement Root => root;

    public List<RowProblem> Problems { get; } = [];

    /// <summary>Reads a line, whatever it holds.</summary>
    public static ReadRow Read(TextLine line, SourcePlace place, Func<JsonRow, ReadRow> read)
    {
        try
        {
            using var document = JsonDocument.Parse(line.Text, s_strict);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? read(new JsonRow(line.Text, place, document.RootElement))
                : Bad(place, 1, "the line is not a JSON object", "{...}", document.RootElement.ValueKind.ToString());
        }
        catch (JsonException fault)
        {
            return Bad(place, Column(line.Text, (int)(fault.BytePositionInLine ?? 0)), $"the line is not valid JSON ({JsonFaults.Reason(fault)})");
        }
        catch (InvalidOperationException)
        {
            // System.Text.Json says so only when a name or text is asked for.
            return Bad(place, 1, "a text holds half of a surrogate pair", "\\uD800-\\uDBFF followed by \\uDC00-\\uDFFF");
        }
    }

    /// <summary>The row, if nothing was wrong with it.</summary>
    public ReadRow Finish(IExample? example) => new(place, Problems.Count == 0 ? example : null, Problems);

    /// <summary>First member that stands for a field, e.g. <c>person1</c> for people1.</summary>
    public JsonProperty? Member(string field)
    {
        foreach (var member in root.EnumerateObject())
        {
            if (IsField(member.Name, field))
            {
                return member;
            }
        }

        return null;
    }

    /// <summary>Text of a field; null when it is absent, null or of another type, which is noted.</summary>
    public string? Text(string field)
    {
        if (Member(field) is not { } member || member.Value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return TextOf(member.Value, member.Name);
    }

    /// <summary>Text of an element; a fault is noted under the name of the top-level member that holds it.</summary>
    public string? TextOf(JsonElement element, string memberName)
    {
        if (element.ValueKind == JsonValueKind.String)
        {
            return element.GetString();
        }

        Fault(DataRules.Json, memberName, $"{memberName} does not hold a text", "a text in quotation marks", element.GetRawText());
        return null;
    }

    /// <summary>A span of two numbers; null when it is absent, null or something else, which is noted.</summary>
    public TextSpan? Span(string field)
    {
        if (Member(field) is not { } member || member.Value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        var value = member.Value;
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2
            && TryInt(value[0], out var start) && TryInt(value[1], out var end))
        {
            return new TextSpan(start, end);
        }

        Fault(DataRules.Json, field, $"{field} is not a span", "[start, end]", value.GetRawText());
        return null;
    }

    /// <summary>A list of whole numbers; null when it is absent or something else, which is noted.</summary>
    public int[]? Ints(string field)
    {
        if (!root.TryGetProperty(field, out var value) || value.ValueKind != JsonValueKind.Array)
        {
            var found = value.ValueKind == JsonValueKind.Undefined ? null : value.GetRawText();
            Fault(DataRules.Json, field, $"{field} is not a list of numbers", "[1, 2, ...]", found);
            return null;
        }

        var numbers = new int[value.GetArrayLength()];
        for (var index = 0; index < numbers.Length; index++)
        {
            if (!TryInt(value[index], out numbers[index]))
            {
                Fault(DataRules.Json, field, $"item {index} of {field} is not a whole number of 32 bits", null, value[index].GetRawText());
                return null;
            }
        }

        return numbers;
    }

    public void Fault(string rule, string field, string what, string? expected = null, string? found = null) =>
        Problems.Add(new RowProblem(rule, place, ColumnOf(field), what, expected, Shortened(found)));

    /// <summary>Column of the line at which a top-level member's value begins; 1 when it has none. Can be asked after the reading.</summary>
    public int ColumnOf(string field)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(line));
        while (reader.Read())
        {
            if (reader is { TokenType: JsonTokenType.PropertyName, CurrentDepth: 1 } && IsField(reader.GetString()!, field))
            {
                reader.Read();
                return Column(line, (int)reader.TokenStartIndex);
            }
        }

        return 1;
    }

    private static bool IsField(string name, string field) => name == field || ColumnMap.FieldOf(name) == field;

    private static bool TryInt(JsonElement element, out int value)
    {
        value = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out value);
    }

    private static int Column(string line, int byteOffset)
    {
        var bytes = Encoding.UTF8.GetBytes(line);
        return 1 + Encoding.UTF8.GetCharCount(bytes, 0, Math.Clamp(byteOffset, 0, bytes.Length));
    }

    private static ReadRow Bad(SourcePlace place, int column, string what, string? expected = null, string? found = null) =>
        new(place, null, [new RowProblem(DataRules.Json, place, column, what, expected, found)]);

    private static string? Shortened(string? found) => found is null ? null : Excerpt.Of(found);
}
