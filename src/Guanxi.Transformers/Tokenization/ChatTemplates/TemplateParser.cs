namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Reads the statements of a template.</summary>
internal sealed class TemplateParser
{
    private readonly TemplateCursor _cursor;
    private readonly ExpressionParser _expressions;
    private int _loops;

    private TemplateParser(TemplateCursor cursor)
    {
        _cursor = cursor;
        _expressions = new ExpressionParser(cursor);
    }

    /// <summary>Reads a template.</summary>
    /// <exception cref="CheckpointException">It cannot be read, or holds a construct that is not supported.</exception>
    public static IReadOnlyList<TemplateStatement> Read(string source, TemplateErrors errors)
    {
        var cursor = new TemplateCursor(TemplateLexer.Read(source, errors), errors);
        return new TemplateParser(cursor).Body(string.Empty);
    }

    /// <summary>Reads up to one of the ends, and that keyword too.</summary>
    private List<TemplateStatement> Body(string opener, params ReadOnlySpan<string> ends)
    {
        var statements = new List<TemplateStatement>();
        while (true)
        {
            var token = _cursor.Next();
            switch (token.Kind)
            {
                case TemplateTokenKind.Text:
                    statements.Add(new OutputStatement(token.Line, new LiteralExpression(token.Line, token.Text)));
                    break;
                case TemplateTokenKind.OpenOutput:
                    statements.Add(new OutputStatement(token.Line, _expressions.Read()));
                    _cursor.RequireClose();
                    break;
                case TemplateTokenKind.OpenStatement when ends.Contains(_cursor.Current.Text):
                    return statements;
                case TemplateTokenKind.OpenStatement:
                    statements.Add(_cursor.Nested(Statement));
                    break;
                default:
                    if (ends.Length > 0)
                    {
                        _cursor.Errors.Throw(token.Line, $"'{opener}' does not end", $"'{ends[^1]}'", _cursor.Found);
                    }

                    return statements;
            }
        }
    }

    private TemplateStatement Statement()
    {
        var (line, name) = (_cursor.Line, _cursor.RequireName());
        switch (name)
        {
            case "if":
                return If(line);
            case "for":
                return For(line);
            case "set":
                return Set(line);
            case "macro":
                return Macro(line);
            case "generation":
                _cursor.RequireClose();
                return new BlockStatement(line, Ended(Body(name, "endgeneration")));
            case "break" or "continue" when _loops > 0:
                _cursor.RequireClose();
                return new JumpStatement(line, name == "break" ? TemplateFlow.Break : TemplateFlow.Continue);
            default:
                _cursor.Errors.Unsupported(line, $"the statement '{name}'");
                return null;
        }
    }

    private List<TemplateStatement> Ended(List<TemplateStatement> body)
    {
        _cursor.Next();
        _cursor.RequireClose();
        return body;
    }

    private IfStatement If(int line)
    {
        var branches = new List<(TemplateExpression?, IReadOnlyList<TemplateStatement>)>();
        var condition = _expressions.Read();
        while (true)
        {
            _cursor.RequireClose();
            branches.Add((condition, Body("if", "elif", "else", "endif")));
            switch (_cursor.Next().Text)
            {
                case "elif":
                    condition = _expressions.Read();
                    break;
                case "else":
                    _cursor.RequireClose();
                    branches.Add((null, Ended(Body("else", "endif"))));
                    return new IfStatement(line, branches);
                default:
                    _cursor.RequireClose();
                    return new IfStatement(line, branches);
            }
        }
    }

    private List<string> Names()
    {
        var isBracketed = _cursor.Take("(");
        List<string> names = [_cursor.RequireName()];
        while (_cursor.Take(","))
        {
            names.Add(_cursor.RequireName());
        }

        if (isBracketed)
        {
            _cursor.Require(")");
        }

        return names;
    }

    private ForStatement For(int line)
    {
        var names = Names();
        _cursor.Require("in");
        var items = _expressions.ReadWithoutCondition();
        var condition = _cursor.Take("if") ? _expressions.Read() : null;
        if (_cursor.Is("recursive"))
        {
            _cursor.Errors.Unsupported(_cursor.Line, "a recursive loop");
        }

        _cursor.RequireClose();
        _loops++;
        var body = Body("for", "else", "endfor");
        _loops--;
        var hasElse = _cursor.Next().Text == "else";
        _cursor.RequireClose();
        return new ForStatement(line, names, items, condition, body, hasElse ? Ended(Body("else", "endfor")) : []);
    }

    private SetStatement Set(int line)
    {
        var names = Names();
        var member = names.Count == 1 && _cursor.Take(".") ? _cursor.RequireName() : null;
        if (_cursor.Take("="))
        {
            var value = _expressions.Read();
            if (_cursor.Is(","))
            {
                _cursor.Errors.Unsupported(_cursor.Line, "a tuple without brackets");
            }

            _cursor.RequireClose();
            return new SetStatement(line, names, member, value, []);
        }

        _cursor.RequireClose();
        return new SetStatement(line, names, member, null, Ended(Body("set", "endset")));
    }

    private MacroStatement Macro(int line)
    {
        var name = _cursor.RequireName();
        var parameters = new List<(string, TemplateExpression?)>();
        _cursor.Require("(");
        while (!_cursor.Is(")"))
        {
            var parameter = _cursor.RequireName();
            parameters.Add((parameter, _cursor.Take("=") ? _expressions.Read() : null));
            if (!_cursor.Take(","))
            {
                break;
            }
        }

        _cursor.Require(")");
        _cursor.RequireClose();
        var loops = _loops;
        _loops = 0;
        var body = Ended(Body("macro", "endmacro"));
        _loops = loops;
        return new MacroStatement(line, name, parameters, body);
    }
}
