namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Operators between two values.</summary>
internal static class TemplateOperators
{
    /// <summary>Applies an operator.</summary>
    public static object? Apply(string sign, object? left, object? right, TemplateRun run, int line)
    {
        switch (sign)
        {
            case "==":
                return TemplateValue.AreEqual(left, right);
            case "!=":
                return !TemplateValue.AreEqual(left, right);
            case "in" or "not in":
                return Contains(right, left, run, line) == (sign == "in");
            case "~":
                return run.Made(TemplateValue.Text(left) + TemplateValue.Text(right), line);
            case "<" or ">" or "<=" or ">=":
                return Compare(sign, left, right, run, line);
            case "+" when left is string a && right is string b:
                return run.Made(a + b, line);
            case "+" when left is List<object?> a && right is List<object?> b:
                run.Charge(a.Count + b.Count, line);
                return a.Concat(b).ToList();
        }

        if (TemplateValue.Number(left) is not { } first || TemplateValue.Number(right) is not { } second)
        {
            run.Fail(line, $"the operator {sign} does not fit its operands", $"{Kind(left)} and {Kind(right)}");
            return null;
        }

        return left is double || right is double || sign == "/"
            ? Fraction(sign, first, second, run, line)
            : Whole(sign, (long)first, (long)second, run, line);
    }

    private static bool Contains(object? whole, object? part, TemplateRun run, int line)
    {
        if (whole is string text && part is string piece)
        {
            return text.Contains(piece, StringComparison.Ordinal);
        }

        if (whole is not string && TemplateValue.Items(whole) is { } items)
        {
            return items.Any(item => TemplateValue.AreEqual(item, part));
        }

        run.Fail(line, "nothing can be in this", Kind(whole));
        return false;
    }

    private static bool Compare(string sign, object? left, object? right, TemplateRun run, int line)
    {
        int order;
        if (left is string a && right is string b)
        {
            order = string.CompareOrdinal(a, b);
        }
        else if (TemplateValue.Number(left) is { } first && TemplateValue.Number(right) is { } second)
        {
            order = first.CompareTo(second);
        }
        else
        {
            run.Fail(line, "these cannot be compared", $"{Kind(left)} and {Kind(right)}");
            return false;
        }

        return sign switch { "<" => order < 0, ">" => order > 0, "<=" => order <= 0, _ => order >= 0 };
    }

    private static object? Whole(string sign, long left, long right, TemplateRun run, int line)
    {
        if (right == 0 && sign is "//" or "%")
        {
            run.Fail(line, "division by zero", sign);
        }

        return unchecked(sign switch
        {
            "+" => left + right,
            "-" => left - right,
            "*" => left * right,
            "//" => (long)Math.Floor((double)left / right),
            "%" => left - (right * (long)Math.Floor((double)left / right)),
            _ => Fraction(sign, left, right, run, line),
        });
    }

    private static object? Fraction(string sign, double left, double right, TemplateRun run, int line)
    {
        if (right == 0 && sign is "/" or "//" or "%")
        {
            run.Fail(line, "division by zero", sign);
        }

        switch (sign)
        {
            case "+":
                return left + right;
            case "-":
                return left - right;
            case "*":
                return left * right;
            case "/":
                return left / right;
            default:
                run.Fail(line, "the operator does not fit its operands", sign);
                return null;
        }
    }

    /// <summary>The kind of a value, for messages.</summary>
    public static string Kind(object? value) => value switch
    {
        null => "none",
        Undefined => "undefined",
        bool => "a truth value",
        long or double => "a number",
        string => "a string",
        List<object?> => "a list",
        TemplateMap => "a map",
        _ => "a function",
    };
}
