using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>What a name stands for that nobody gave a value.</summary>
internal sealed class Undefined
{
    private Undefined()
    {
    }

    public static Undefined Value { get; } = new();
}

/// <summary>A map that keeps the order of its keys.</summary>
internal sealed class TemplateMap : OrderedDictionary<string, object?>
{
    public TemplateMap()
        : base(StringComparer.Ordinal)
    {
    }

    /// <summary>Whether <c>set</c> may change its parts.</summary>
    public bool IsNamespace { get; init; }
}

/// <summary>What Python would do with values.</summary>
internal static class TemplateValue
{
    /// <summary>A value of JSON.</summary>
    public static object? From(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var map = new TemplateMap();
                foreach (var entry in element.EnumerateObject())
                {
                    map[entry.Name] = From(entry.Value);
                }

                return map;
            case JsonValueKind.Array:
                return element.EnumerateArray().Select(From).ToList();
            case JsonValueKind.String:
                return element.GetString();
            case JsonValueKind.Number:
                return element.TryGetInt64(out var whole) ? whole : element.GetDouble();
            case JsonValueKind.True or JsonValueKind.False:
                return element.GetBoolean();
            default:
                return null;
        }
    }

    /// <summary>Whether a value counts as true.</summary>
    public static bool Truth(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        _ => Length(value) != 0,
    };

    /// <summary>Number of items, or null for what has none. A character beyond U+FFFF counts as two.</summary>
    public static long? Length(object? value) => value switch
    {
        string text => text.Length,
        List<object?> list => list.Count,
        TemplateMap map => map.Count,
        Undefined => 0,
        _ => null,
    };

    /// <summary>The items to go through, or null for what has none.</summary>
    public static IEnumerable<object?>? Items(object? value) => value switch
    {
        List<object?> list => list,
        TemplateMap map => map.Keys,
        string text => text.EnumerateRunes().Select(rune => (object?)rune.ToString()),
        Undefined => [],
        _ => null,
    };

    /// <summary>A part of a value; <see cref="Undefined"/> when it has no such part.</summary>
    public static object? Member(object? target, object? key) => (target, key) switch
    {
        (TemplateMap map, string name) => map.TryGetValue(name, out var value) ? value : Undefined.Value,
        (List<object?> list, long at) => Place(at, list.Count) is >= 0 and var place ? list[place] : Undefined.Value,
        (string text, long at) => Place(at, text.Length) is >= 0 and var place ? text[place].ToString() : Undefined.Value,
        _ => Undefined.Value,
    };

    /// <summary>A value as it is written out.</summary>
    public static string Text(object? value) => value switch
    {
        Undefined => string.Empty,
        string text => text,
        _ => Written(value),
    };

    /// <summary>Whether two values are equal.</summary>
    public static bool AreEqual(object? left, object? right) => AreEqual(left, right, new TemplateBudget());

    private static bool AreEqual(object? left, object? right, TemplateBudget budget)
    {
        budget.Spend(1);
        return (left, right) switch
        {
            (null, null) => true,
            (null, _) or (_, null) => false,
            (List<object?> a, List<object?> b) => a.Count == b.Count && a.Zip(b).All(pair => AreEqual(pair.First, pair.Second, budget)),
            (TemplateMap a, TemplateMap b) =>
                a.Count == b.Count && a.All(item => b.TryGetValue(item.Key, out var other) && AreEqual(item.Value, other, budget)),
            _ when Number(left) is { } a && Number(right) is { } b => a == b,
            _ => left.Equals(right),
        };
    }

    /// <summary>A value as a number, truth values too; null when it is none.</summary>
    public static double? Number(object? value) => value switch
    {
        bool flag => flag ? 1 : 0,
        long number => number,
        double number => number,
        _ => null,
    };

    private static string Written(object? value)
    {
        var text = new StringBuilder();
        Repr(value, text, new TemplateBudget());
        return text.ToString();
    }

    private static void Repr(object? value, StringBuilder text, TemplateBudget budget)
    {
        var before = text.Length;
        switch (value)
        {
            case null:
                text.Append("None");
                break;
            case bool flag:
                text.Append(flag ? "True" : "False");
                break;
            case long number:
                text.Append(number.ToString(CultureInfo.InvariantCulture));
                break;
            case double number:
                text.Append(Float(number));
                break;
            case string content:
                text.Append(Quoted(content));
                break;
            case List<object?> list:
                text.Append('[');
                for (var i = 0; i < list.Count; i++)
                {
                    budget.Spend(1);
                    text.Append(i == 0 ? string.Empty : ", ");
                    Repr(list[i], text, budget);
                }

                text.Append(']');
                return;
            case TemplateMap map:
                text.Append('{');
                var isFirst = true;
                foreach (var (key, item) in map)
                {
                    budget.Spend(1);
                    text.Append(isFirst ? string.Empty : ", ").Append(Quoted(key)).Append(": ");
                    Repr(item, text, budget);
                    isFirst = false;
                }

                text.Append('}');
                return;
        }

        budget.Spend(text.Length - before);
    }

    /// <summary>A number with a point, as Python writes it.</summary>
    public static string Float(double number)
    {
        var text = number.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().IndexOfAny("E.NI∞") < 0 ? text + ".0" : text.Replace("E", "e", StringComparison.Ordinal);
    }

    private static string Quoted(string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var result = new StringBuilder().Append(quote);
        foreach (var unit in text)
        {
            result.Append(unit switch
            {
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\\' => "\\\\",
                _ when unit == quote => $"\\{quote}",
                _ => unit.ToString(),
            });
        }

        return result.Append(quote).ToString();
    }

    private static int Place(long at, int count) => at < 0 && at >= -count ? (int)(at + count) : at >= 0 && at < count ? (int)at : -1;
}
