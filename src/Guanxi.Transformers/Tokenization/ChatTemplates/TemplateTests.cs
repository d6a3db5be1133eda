namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>What may stand after <c>is</c>.</summary>
internal static class TemplateTests
{
    private static readonly HashSet<string> s_plain =
    [
        "defined", "undefined", "none", "string", "mapping", "sequence", "iterable", "number", "integer", "float", "boolean",
        "true", "false", "even", "odd", "lower", "upper", "callable",
    ];

    private static readonly HashSet<string> s_withArgument =
        ["equalto", "eq", "==", "ne", "!=", "in", "divisibleby", "gt", "greaterthan", ">", "lt", "lessthan", "<", "ge", ">=", "le", "<="];

    public static bool Knows(string name) => s_plain.Contains(name) || s_withArgument.Contains(name);

    public static bool TakesArgument(string name) => s_withArgument.Contains(name);

    public static bool Apply(string name, object? value, object? argument) => name switch
    {
        "defined" => value is not Undefined,
        "undefined" => value is Undefined,
        "none" => value is null,
        "string" => value is string,
        "mapping" => value is TemplateMap,
        "sequence" or "iterable" => value is string or TemplateMap or List<object?>,
        "number" => value is long or double or bool,
        "integer" => value is long,
        "float" => value is double,
        "boolean" => value is bool,
        "true" => value is true,
        "false" => value is false,
        "even" => value is long number && number % 2 == 0,
        "odd" => value is long number && number % 2 != 0,
        "lower" => value is string text && text.Any(char.IsLetter) && !text.Any(char.IsUpper),
        "upper" => value is string text && text.Any(char.IsLetter) && !text.Any(char.IsLower),
        "callable" => value is TemplateCallable,
        "in" => argument is string whole ? value is string part && whole.Contains(part, StringComparison.Ordinal)
            : TemplateValue.Items(argument)?.Any(item => TemplateValue.AreEqual(item, value)) ?? false,
        "divisibleby" => value is long number && argument is long divisor && divisor != 0 && number % divisor == 0,
        "equalto" or "eq" or "==" => TemplateValue.AreEqual(value, argument),
        "ne" or "!=" => !TemplateValue.AreEqual(value, argument),
        _ => Order(value, argument) is { } order && name switch
        {
            "gt" or "greaterthan" or ">" => order > 0,
            "lt" or "lessthan" or "<" => order < 0,
            "ge" or ">=" => order >= 0,
            _ => order <= 0,
        },
    };

    private static int? Order(object? left, object? right) => (left, right) switch
    {
        (string a, string b) => string.CompareOrdinal(a, b),
        _ when TemplateValue.Number(left) is { } a && TemplateValue.Number(right) is { } b => a.CompareTo(b),
        _ => null,
    };
}
