using System.Globalization;

namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>What may stand after <c>|</c>.</summary>
internal static class TemplateFilters
{
    private static readonly HashSet<string> s_names =
    [
        "trim", "length", "count", "tojson", "default", "d", "upper", "lower", "capitalize", "title", "join", "string",
        "int", "float", "list", "first", "last", "replace", "items", "reverse", "map", "select", "reject", "selectattr", "rejectattr",
        "safe", "abs", "sum", "min", "max", "unique",
    ];

    public static bool Knows(string name) => s_names.Contains(name);

    /// <summary>Applies a filter.</summary>
    public static object? Apply(string name, object? value, ArgumentValues arguments, TemplateRun run, int line)
    {
        var result = name switch
        {
            "default" or "d" => value is Undefined || (TemplateValue.Truth(arguments.At(1, "boolean")) && !TemplateValue.Truth(value))
                ? arguments.At(0, "default_value") is var other and not Undefined ? other : string.Empty
                : value,
            "length" or "count" => TemplateValue.Length(value),
            "tojson" => TemplateJson.Write(value, arguments.At(0, "indent")),
            "string" or "safe" => TemplateValue.Text(value),
            "int" => Whole(value, arguments.At(0, "default")),
            "float" => Number(value) ?? 0.0,
            "abs" => value is long number ? Magnitude(number, run, line) : (object)Math.Abs(TemplateValue.Number(value) ?? 0),
            "items" => value is TemplateMap map ? TemplateMethods.Items(map) : value is Undefined ? new List<object?>() : null,
            "upper" or "lower" or "capitalize" or "title" or "trim" or "replace" =>
                OfText(name, TemplateValue.Text(value), arguments, run, line),
            _ => TemplateValue.Items(value) is { } items ? OfItems(name, items, arguments, run, line) : null,
        };
        if (result is null && name is not ("default" or "d" or "first" or "last" or "min" or "max"))
        {
            run.Fail(line, $"the filter '{name}' does not fit its value", TemplateOperators.Kind(value));
        }

        return result is string text ? run.Made(text, line) : result;
    }

    private static string OfText(string name, string text, ArgumentValues arguments, TemplateRun run, int line)
    {
        switch (name)
        {
            case "upper":
                return text.ToUpperInvariant();
            case "lower":
                return text.ToLowerInvariant();
            case "capitalize":
                return TemplateMethods.Capitalize(text);
            case "title":
                return TemplateMethods.Title(text);
            case "trim":
                return TemplateMethods.Strip(text, arguments.At(0, "chars"), left: true, right: true);
            default:
                return (string)TemplateMethods.Call(text, "replace", arguments, run, line)!;
        }
    }

    private static object? OfItems(string name, IEnumerable<object?> items, ArgumentValues arguments, TemplateRun run, int line)
    {
        var list = items.ToList();
        run.Charge(list.Count, line);
        switch (name)
        {
            case "list":
                return list;
            case "first":
                return list.Count > 0 ? list[0] : Undefined.Value;
            case "last":
                return list.Count > 0 ? list[^1] : Undefined.Value;
            case "reverse":
                list.Reverse();
                return list;
            case "join":
                var attribute = arguments.At(1, "attribute");
                return TemplateMethods.Join(
                    TemplateValue.Text(arguments.At(0, "d")),
                    list.Select(item => attribute is Undefined ? item : TemplateValue.Member(item, attribute)), run, line);
            case "sum":
                return list.Aggregate((object?)0L, (sum, item) => TemplateOperators.Apply("+", sum, item, run, line));
            case "min" or "max":
                return list.Count == 0 ? Undefined.Value : list.Aggregate((best, item) =>
                    TemplateOperators.Apply(name == "min" ? "<" : ">", item, best, run, line) is true ? item : best);
            case "unique":
                return Unique(list, run, line);
            case "map":
                return Map(list, arguments, run, line);
            default:
                return Select(name, list, arguments, run, line);
        }
    }

    private static List<object?> Unique(List<object?> list, TemplateRun run, int line)
    {
        var result = new List<object?>();
        foreach (var item in list)
        {
            run.Charge(result.Count, line);
            if (!result.Exists(other => TemplateValue.AreEqual(item, other)))
            {
                result.Add(item);
            }
        }

        return result;
    }

    private static List<object?> Map(List<object?> list, ArgumentValues arguments, TemplateRun run, int line)
    {
        if (arguments.Named.TryGetValue("attribute", out var attribute))
        {
            var otherwise = arguments.Named.GetValueOrDefault("default", Undefined.Value);
            return [.. list.Select(item => TemplateValue.Member(item, attribute) is var value and not Undefined ? value : otherwise)];
        }

        var name = Named(arguments, 0, s_names, "filter", run, line);
        var rest = new ArgumentValues([.. arguments.Positional.Skip(1)], arguments.Named);
        return [.. list.Select(item => Apply(name, item, rest, run, line))];
    }

    private static List<object?> Select(string name, List<object?> list, ArgumentValues arguments, TemplateRun run, int line)
    {
        var byAttribute = name.EndsWith("attr", StringComparison.Ordinal);
        var attribute = byAttribute ? arguments.At(0, "attribute") : null;
        var place = byAttribute ? 1 : 0;
        var test = arguments.Positional.Count > place ? Named(arguments, place, null, "test", run, line) : null;
        var argument = arguments.At(place + 1, "value");
        bool Holds(object? item)
        {
            var value = byAttribute ? TemplateValue.Member(item, attribute) : item;
            return test is null ? TemplateValue.Truth(value) : TemplateTests.Apply(test, value, argument);
        }

        return [.. list.Where(item => Holds(item) == name.StartsWith("select", StringComparison.Ordinal))];
    }

    private static string Named(ArgumentValues arguments, int place, HashSet<string>? known, string kind, TemplateRun run, int line)
    {
        var name = place < arguments.Positional.Count ? arguments.Positional[place] as string : null;
        if (name is null || !(known?.Contains(name) ?? TemplateTests.Knows(name)))
        {
            run.Fail(line, "this construct of a chat template is not supported", $"the {kind} '{name}'");
        }

        return name;
    }

    private static long Magnitude(long number, TemplateRun run, int line)
    {
        if (number == long.MinValue)
        {
            run.Fail(line, "the number is too large for the filter 'abs'", number.ToString(CultureInfo.InvariantCulture));
        }

        return Math.Abs(number);
    }

    private static object Whole(object? value, object? otherwise) => Number(value) is { } number && Math.Abs(number) < long.MaxValue
        ? (long)Math.Truncate(number)
        : otherwise is long given ? given : 0L;

    private static double? Number(object? value) => value is string text
        ? double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var parsed) ? parsed : null
        : TemplateValue.Number(value);
}
