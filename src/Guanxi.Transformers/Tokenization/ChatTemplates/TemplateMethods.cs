namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Methods of strings, lists and maps.</summary>
internal static class TemplateMethods
{
    /// <summary>Calls a method.</summary>
    public static object? Call(object? target, string name, ArgumentValues arguments, TemplateRun run, int line)
    {
        var result = target switch
        {
            string text => OfString(text, name, arguments, run, line),
            TemplateMap map => OfMap(map, name, arguments),
            List<object?> list => name switch
            {
                "index" => (long)list.FindIndex(item => TemplateValue.AreEqual(item, arguments.At(0, "value"))),
                "count" => (long)list.Count(item => TemplateValue.AreEqual(item, arguments.At(0, "value"))),
                _ => Undefined.Value,
            },
            _ => Undefined.Value,
        };
        if (result is Undefined && !(target is TemplateMap && name == "get"))
        {
            run.Fail(line, $"{TemplateOperators.Kind(target)} has no such method here", $"'{name}'");
        }

        if (result is string made)
        {
            run.Charge(made.Length, line);
        }

        return result;
    }

    /// <summary>Takes characters off the ends, white space when none are named.</summary>
    public static string Strip(string text, object? characters, bool left, bool right)
    {
        var set = (characters as string)?.ToCharArray();
        text = left ? text.TrimStart(set) : text;
        return right ? text.TrimEnd(set) : text;
    }

    /// <summary>Makes the first letter large and the others small.</summary>
    public static string Capitalize(string text) =>
        text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..].ToLowerInvariant();

    /// <summary>Makes the first letter of every word large and the others small.</summary>
    public static string Title(string text)
    {
        var result = text.ToCharArray();
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = i > 0 && char.IsLetter(result[i - 1]) ? char.ToLowerInvariant(result[i]) : char.ToUpperInvariant(result[i]);
        }

        return new string(result);
    }

    /// <summary>Puts the texts of items end to end; every one is charged before the whole is made.</summary>
    public static string Join(string separator, IEnumerable<object?> items, TemplateRun run, int line)
    {
        var texts = new List<string>();
        foreach (var item in items)
        {
            var text = TemplateValue.Text(item);
            run.Charge((long)text.Length + separator.Length, line);
            texts.Add(text);
        }

        return string.Join(separator, texts);
    }

    private static object? OfString(string text, string name, ArgumentValues arguments, TemplateRun run, int line)
    {
        var (first, second) = (arguments.At(0, "chars"), arguments.At(1, "new"));
        switch (name)
        {
            case "strip":
                return Strip(text, first, left: true, right: true);
            case "lstrip":
                return Strip(text, first, left: true, right: false);
            case "rstrip":
                return Strip(text, first, left: false, right: true);
            case "upper":
                return text.ToUpperInvariant();
            case "lower":
                return text.ToLowerInvariant();
            case "capitalize":
                return Capitalize(text);
            case "title":
                return Title(text);
            case "startswith":
                return Any(first, part => text.StartsWith(part, StringComparison.Ordinal));
            case "endswith":
                return Any(first, part => text.EndsWith(part, StringComparison.Ordinal));
            case "find" when first is string part:
                return (long)text.IndexOf(part, StringComparison.Ordinal);
            case "rfind" when first is string part:
                return (long)text.LastIndexOf(part, StringComparison.Ordinal);
            case "count" when first is string { Length: > 0 } part:
                return (long)((text.Length - text.Replace(part, string.Empty, StringComparison.Ordinal).Length) / part.Length);
            case "replace" when first is string { Length: > 0 } old && second is string fresh:
                run.Charge((long)text.Length / old.Length * fresh.Length, line);
                return text.Replace(old, fresh, StringComparison.Ordinal);
            case "removeprefix" when first is string part:
                return text.StartsWith(part, StringComparison.Ordinal) ? text[part.Length..] : text;
            case "removesuffix" when first is string part:
                return text.EndsWith(part, StringComparison.Ordinal) ? text[..^part.Length] : text;
            case "join":
                return TemplateValue.Items(first) is { } items ? Join(text, items, run, line) : Undefined.Value;
            case "isdigit":
                return text.Length > 0 && text.All(char.IsDigit);
            case "split":
                return Split(text, arguments.At(0, "sep"), arguments.At(1, "maxsplit"), run, line);
            case "splitlines":
                return text.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n').Cast<object?>().ToList();
            default:
                return Undefined.Value;
        }
    }

    private static List<object?> Split(string text, object? separator, object? most, TemplateRun run, int line)
    {
        var count = most is long and >= 0 and < int.MaxValue ? (int)(long)most + 1 : int.MaxValue;
        var parts = separator is string { Length: > 0 } sign
            ? text.Split(sign, count)
            : text.Split((char[]?)null, count, StringSplitOptions.RemoveEmptyEntries);
        run.Charge(text.Length + parts.Length, line);
        return [.. parts];
    }

    private static object? OfMap(TemplateMap map, string name, ArgumentValues arguments)
    {
        switch (name)
        {
            case "items":
                return Items(map);
            case "keys":
                return map.Keys.Cast<object?>().ToList();
            case "values":
                return map.Values.ToList();
            case "get" when arguments.At(0, "key") is string key:
                var otherwise = arguments.At(1, "default");
                return map.TryGetValue(key, out var value) ? value : otherwise is Undefined ? null : otherwise;
            default:
                return Undefined.Value;
        }
    }

    /// <summary>Keys and values in pairs.</summary>
    public static List<object?> Items(TemplateMap map) => [.. map.Select(item => (object?)new List<object?> { item.Key, item.Value })];

    private static bool Any(object? parts, Func<string, bool> holds) => parts switch
    {
        string part => holds(part),
        List<object?> list => list.OfType<string>().Any(holds),
        _ => false,
    };
}
