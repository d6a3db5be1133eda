namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>How a statement ended.</summary>
internal enum TemplateFlow
{
    /// <summary>At its end.</summary>
    Next,

    /// <summary>The loop around it ends.</summary>
    Break,

    /// <summary>The loop around it goes on with the next item.</summary>
    Continue,
}

/// <summary>A statement of a template.</summary>
/// <param name="Line">The line it stands on.</param>
internal abstract record TemplateStatement(int Line)
{
    public abstract TemplateFlow Execute(TemplateScope scope);

    public static TemplateFlow ExecuteAll(IReadOnlyList<TemplateStatement> statements, TemplateScope scope)
    {
        foreach (var statement in statements)
        {
            scope.Run.Step(statement.Line);
            if (statement.Execute(scope) is not TemplateFlow.Next and var flow)
            {
                return flow;
            }
        }

        return TemplateFlow.Next;
    }
}

/// <summary>Text, or a value, that is written out.</summary>
internal sealed record OutputStatement(int Line, TemplateExpression Value) : TemplateStatement(Line)
{
    public override TemplateFlow Execute(TemplateScope scope)
    {
        scope.Run.Write(TemplateValue.Text(Value.Evaluate(scope)), Line);
        return TemplateFlow.Next;
    }
}

/// <summary><c>if</c>, <c>elif</c> and <c>else</c>, whose condition is null.</summary>
internal sealed record IfStatement(int Line, IReadOnlyList<(TemplateExpression? Condition, IReadOnlyList<TemplateStatement> Body)> Branches)
    : TemplateStatement(Line)
{
    public override TemplateFlow Execute(TemplateScope scope)
    {
        foreach (var (condition, body) in Branches)
        {
            if (condition is null || TemplateValue.Truth(condition.Evaluate(scope)))
            {
                return ExecuteAll(body, scope);
            }
        }

        return TemplateFlow.Next;
    }
}

/// <summary><c>set</c>: a variable, a part of a namespace, or several from a list.</summary>
internal sealed record SetStatement(
    int Line, IReadOnlyList<string> Names, string? Member, TemplateExpression? Value, IReadOnlyList<TemplateStatement> Body)
    : TemplateStatement(Line)
{
    public override TemplateFlow Execute(TemplateScope scope)
    {
        var value = Value is not null
            ? Value.Evaluate(scope)
            : scope.Run.Capture(() => ExecuteAll(Body, new TemplateScope(scope.Run, scope)), Line);
        if (Member is null)
        {
            Assign(Names, value, scope, Line);
        }
        else if (scope.Get(Names[0]) is TemplateMap { IsNamespace: true } space)
        {
            space[Member] = value;
        }
        else
        {
            scope.Run.Fail(Line, "only a namespace can be changed", Names[0]);
        }

        return TemplateFlow.Next;
    }

    /// <summary>Gives variables their values, several from a list.</summary>
    public static void Assign(IReadOnlyList<string> names, object? value, TemplateScope scope, int line)
    {
        if (names.Count == 1)
        {
            scope.Set(names[0], value);
            return;
        }

        if (value is not List<object?> list || list.Count != names.Count)
        {
            scope.Run.Fail(line, $"{names.Count} values are needed", TemplateOperators.Kind(value));
            return;
        }

        for (var i = 0; i < names.Count; i++)
        {
            scope.Set(names[i], list[i]);
        }
    }
}

/// <summary><c>for</c>, whose items may be chosen by a condition.</summary>
internal sealed record ForStatement(
    int Line,
    IReadOnlyList<string> Names,
    TemplateExpression Items,
    TemplateExpression? Condition,
    IReadOnlyList<TemplateStatement> Body,
    IReadOnlyList<TemplateStatement> Otherwise) : TemplateStatement(Line)
{
    public override TemplateFlow Execute(TemplateScope scope)
    {
        var value = Items.Evaluate(scope);
        if (TemplateValue.Items(value) is not { } all)
        {
            scope.Run.Fail(Line, "nothing can be gone through here", TemplateOperators.Kind(value));
            return TemplateFlow.Next;
        }

        var items = all.Where(item => IsChosen(item, scope)).ToList();
        scope.Run.Charge(items.Count, Line);
        if (items.Count == 0)
        {
            return ExecuteAll(Otherwise, scope);
        }

        for (var at = 0; at < items.Count; at++)
        {
            scope.Run.Step(Line);
            var inner = new TemplateScope(scope.Run, scope);
            inner.Set("loop", Loop(items, at));
            SetStatement.Assign(Names, items[at], inner, Line);
            if (ExecuteAll(Body, inner) == TemplateFlow.Break)
            {
                break;
            }
        }

        return TemplateFlow.Next;
    }

    private bool IsChosen(object? item, TemplateScope scope)
    {
        if (Condition is null)
        {
            return true;
        }

        var inner = new TemplateScope(scope.Run, scope);
        SetStatement.Assign(Names, item, inner, Line);
        return TemplateValue.Truth(Condition.Evaluate(inner));
    }

    private static TemplateMap Loop(List<object?> items, int at) => new()
    {
        ["index"] = at + 1L,
        ["index0"] = (long)at,
        ["revindex"] = (long)items.Count - at,
        ["revindex0"] = (long)items.Count - at - 1,
        ["first"] = at == 0,
        ["last"] = at == items.Count - 1,
        ["length"] = (long)items.Count,
        ["previtem"] = at > 0 ? items[at - 1] : Undefined.Value,
        ["nextitem"] = at + 1 < items.Count ? items[at + 1] : Undefined.Value,
        ["cycle"] = (TemplateCallable)((arguments, _, _) =>
            arguments.Positional.Count == 0 ? Undefined.Value : arguments.Positional[at % arguments.Positional.Count]),
    };
}

/// <summary><c>break</c> or <c>continue</c>.</summary>
internal sealed record JumpStatement(int Line, TemplateFlow Flow) : TemplateStatement(Line)
{
    public override TemplateFlow Execute(TemplateScope scope) => Flow;
}

/// <summary><c>generation</c>: only marks what the model said.</summary>
internal sealed record BlockStatement(int Line, IReadOnlyList<TemplateStatement> Body) : TemplateStatement(Line)
{
    public override TemplateFlow Execute(TemplateScope scope) => ExecuteAll(Body, scope);
}

/// <summary><c>macro</c>: a function whose value is what its body writes.</summary>
internal sealed record MacroStatement(
    int Line, string Name, IReadOnlyList<(string Name, TemplateExpression? Default)> Parameters, IReadOnlyList<TemplateStatement> Body)
    : TemplateStatement(Line)
{
    public override TemplateFlow Execute(TemplateScope scope)
    {
        scope.Set(Name, (TemplateCallable)((arguments, run, line) => run.Capture(
            () =>
            {
                var inner = new TemplateScope(run, scope);
                for (var i = 0; i < Parameters.Count; i++)
                {
                    var (parameter, otherwise) = Parameters[i];
                    var given = arguments.At(i, parameter);
                    inner.Set(parameter, given is Undefined && otherwise is not null ? otherwise.Evaluate(inner) : given);
                }

                ExecuteAll(Body, inner);
            },
            line)));
        return TemplateFlow.Next;
    }
}
