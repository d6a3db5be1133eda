using System.Globalization;

namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Reads expressions; the loosest operators first.</summary>
/// <remarks>Source: the parser of pallets/jinja, whose precedence this is.</remarks>
/// <param name="cursor">The tokens.</param>
internal sealed class ExpressionParser(TemplateCursor cursor)
{
    private static readonly string[][] s_levels =
        [["or"], ["and"], ["not"], ["==", "!=", "<", ">", "<=", ">=", "in", "not in"], ["+", "-"], ["~"], ["*", "/", "//", "%"]];

    /// <summary>Reads an expression.</summary>
    public TemplateExpression Read() => cursor.Nested(() =>
    {
        var value = Level(0);
        while (cursor.Is("if"))
        {
            var line = cursor.Next().Line;
            var condition = Level(0);
            value = new ConditionalExpression(line, condition, value, cursor.Take("else") ? Read() : null);
        }

        return value;
    });

    /// <summary>Reads an expression without a condition: <c>if</c> after it is no part of it.</summary>
    public TemplateExpression ReadWithoutCondition() => Level(0);

    private TemplateExpression Level(int level)
    {
        if (level == s_levels.Length)
        {
            return Unary();
        }

        var signs = s_levels[level];
        if (signs[0] == "not")
        {
            return cursor.Is("not") ? new UnaryExpression(cursor.Next().Line, "not", cursor.Nested(() => Level(level))) : Level(level + 1);
        }

        var left = Level(level + 1);
        while (Sign(signs) is { } sign)
        {
            left = new BinaryExpression(cursor.Line, sign, left, Level(level + 1));
        }

        return left;
    }

    private string? Sign(string[] signs)
    {
        if (cursor.Is("not") && cursor.IsNext("in") && signs.Contains("not in"))
        {
            cursor.Next();
            cursor.Next();
            return "not in";
        }

        return signs.FirstOrDefault(cursor.Is) is { } sign && cursor.Take(sign) ? sign : null;
    }

    private TemplateExpression Unary()
    {
        if (cursor.Is("-") || cursor.Is("+"))
        {
            var sign = cursor.Next();
            return new UnaryExpression(sign.Line, sign.Text, cursor.Nested(Unary));
        }

        var value = Filters(Postfix(Primary()));
        if (cursor.Is("**"))
        {
            cursor.Errors.Unsupported(cursor.Line, "the operator '**'");
        }

        return value;
    }

    private TemplateExpression Primary()
    {
        var token = cursor.Next();
        switch (token.Kind)
        {
            case TemplateTokenKind.String:
                var parts = new List<string> { token.Text };
                while (cursor.Current.Kind == TemplateTokenKind.String)
                {
                    parts.Add(cursor.Next().Text);
                }

                return new LiteralExpression(token.Line, string.Concat(parts));
            case TemplateTokenKind.Number:
                return new LiteralExpression(token.Line, Number(token));
            case TemplateTokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new LiteralExpression(token.Line, true),
                    "false" or "False" => new LiteralExpression(token.Line, false),
                    "none" or "None" => new LiteralExpression(token.Line, null),
                    _ => new NameExpression(token.Line, token.Text),
                };
            case TemplateTokenKind.Sign when token.Text == "(":
                return Parenthesis(token.Line);
            case TemplateTokenKind.Sign when token.Text == "[":
                return new ListExpression(token.Line, Items("]", Read));
            case TemplateTokenKind.Sign when token.Text == "{":
                return new MapExpression(token.Line, Items("}", MapItem));
            default:
                var found = token.Kind == TemplateTokenKind.Sign ? $"'{token.Text}'" : cursor.Found;
                cursor.Errors.Throw(token.Line, "the chat template cannot be read", "a value", found);
                return null;
        }
    }

    private object Number(TemplateToken token)
    {
        if (long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var whole))
        {
            return whole;
        }

        if (!double.TryParse(token.Text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            cursor.Errors.Throw(token.Line, "this is no number", found: $"'{token.Text}'");
        }

        return number;
    }

    private TemplateExpression Parenthesis(int line)
    {
        var items = new List<TemplateExpression>();
        var isList = cursor.Is(")");
        while (!cursor.Is(")"))
        {
            items.Add(Read());
            if (!cursor.Take(","))
            {
                break;
            }

            isList = true;
        }

        cursor.Require(")");
        return isList ? new ListExpression(line, items) : items[0];
    }

    private List<T> Items<T>(string close, Func<T> read)
    {
        var items = new List<T>();
        while (!cursor.Is(close))
        {
            items.Add(read());
            if (!cursor.Take(","))
            {
                break;
            }
        }

        cursor.Require(close);
        return items;
    }

    private (TemplateExpression, TemplateExpression) MapItem()
    {
        var key = Read();
        cursor.Require(":");
        return (key, Read());
    }

    private TemplateExpression Postfix(TemplateExpression value)
    {
        while (true)
        {
            var line = cursor.Line;
            if (cursor.Take("."))
            {
                var isNumber = cursor.Current.Kind == TemplateTokenKind.Number;
                object key = isNumber ? Number(cursor.Next()) : cursor.RequireName();
                value = new MemberExpression(line, value, new LiteralExpression(line, key));
            }
            else if (cursor.Take("["))
            {
                value = Subscript(value, line);
            }
            else if (cursor.Take("("))
            {
                value = new CallExpression(line, value, Arguments());
            }
            else
            {
                return value;
            }
        }
    }

    private TemplateExpression Subscript(TemplateExpression target, int line)
    {
        TemplateExpression? Part() => cursor.Is(":") || cursor.Is("]") ? null : Read();
        var first = Part();
        if (!cursor.Take(":"))
        {
            cursor.Require("]");
            if (first is null)
            {
                cursor.Errors.Throw(line, "the chat template cannot be read", "a key between '[' and ']'");
            }

            return new MemberExpression(line, target, first);
        }

        var stop = Part();
        var step = cursor.Take(":") ? Part() : null;
        cursor.Require("]");
        return new SliceExpression(line, target, first, stop, step);
    }

    private TemplateArguments Arguments()
    {
        var (positional, named) = (new List<TemplateExpression>(), new List<(string, TemplateExpression)>());
        while (!cursor.Is(")"))
        {
            if (cursor.Is("*") || cursor.Is("**"))
            {
                cursor.Errors.Unsupported(cursor.Line, $"arguments after '{cursor.Current.Text}'");
            }

            var value = Read();
            if (cursor.Is("=") && value is NameExpression name)
            {
                cursor.Next();
                if (named.Exists(item => item.Item1 == name.Name))
                {
                    cursor.Errors.Throw(cursor.Line, "an argument is given twice", found: name.Name);
                }

                named.Add((name.Name, Read()));
            }
            else
            {
                positional.Add(value);
            }

            if (!cursor.Take(","))
            {
                break;
            }
        }

        cursor.Require(")");
        return new TemplateArguments(positional, named);
    }

    private TemplateExpression Filters(TemplateExpression value)
    {
        while (true)
        {
            var line = cursor.Line;
            if (cursor.Take("|"))
            {
                var name = cursor.RequireName();
                if (!TemplateFilters.Knows(name))
                {
                    cursor.Errors.Unsupported(line, $"the filter '{name}'");
                }

                value = new FilterExpression(line, value, name, cursor.Take("(") ? Arguments() : TemplateArguments.None);
            }
            else if (cursor.Take("is"))
            {
                var isNegated = cursor.Take("not");
                var name = cursor.Current.Kind == TemplateTokenKind.Sign ? cursor.Next().Text : cursor.RequireName();
                if (!TemplateTests.Knows(name))
                {
                    cursor.Errors.Unsupported(line, $"the test '{name}'");
                }

                value = new TestExpression(line, value, name, TemplateTests.TakesArgument(name) ? Postfix(Primary()) : null, isNegated);
            }
            else
            {
                return value;
            }
        }
    }
}
