namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>
/// An expression of a template. Values are null, <see cref="Undefined"/>, bool, long, double, string, lists, maps and callables.
/// </summary>
/// <param name="Line">The line it stands on.</param>
internal abstract record TemplateExpression(int Line)
{
    /// <summary>Its value.</summary>
    public abstract object? Evaluate(TemplateScope scope);
}

/// <summary>A value that is written in the template.</summary>
internal sealed record LiteralExpression(int Line, object? Value) : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope) => Value;
}

/// <summary>A variable.</summary>
internal sealed record NameExpression(int Line, string Name) : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope) => scope.Get(Name);
}

/// <summary>A list or tuple.</summary>
internal sealed record ListExpression(int Line, IReadOnlyList<TemplateExpression> Items) : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope) => Items.Select(item => item.Evaluate(scope)).ToList();
}

/// <summary>A map.</summary>
internal sealed record MapExpression(int Line, IReadOnlyList<(TemplateExpression Key, TemplateExpression Value)> Items)
    : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope)
    {
        var map = new TemplateMap();
        foreach (var (key, value) in Items)
        {
            map[TemplateValue.Text(key.Evaluate(scope))] = value.Evaluate(scope);
        }

        return map;
    }
}

/// <summary><c>a.b</c> or <c>a['b']</c>.</summary>
internal sealed record MemberExpression(int Line, TemplateExpression Target, TemplateExpression Key) : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope)
    {
        scope.Run.Step(Line);
        var target = Target.Evaluate(scope);
        var key = Key.Evaluate(scope);
        if (target is Undefined)
        {
            scope.Run.Fail(Line, "a part is asked of what is not defined", TemplateValue.Text(key));
        }

        return TemplateValue.Member(target, key);
    }
}

/// <summary><c>a[b:c:d]</c>.</summary>
internal sealed record SliceExpression(
    int Line, TemplateExpression Target, TemplateExpression? Start, TemplateExpression? Stop, TemplateExpression? Step)
    : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope)
    {
        scope.Run.Step(Line);
        var target = Target.Evaluate(scope);
        var step = Part(Step, scope) ?? 1;
        if (step == 0 || target is not (string or List<object?>))
        {
            scope.Run.Fail(Line, "this cannot be sliced", TemplateValue.Text(target));
        }

        var length = TemplateValue.Length(target) ?? 0;
        var (start, stop) = (Bound(Part(Start, scope), step > 0 ? 0 : length - 1), Bound(Part(Stop, scope), step > 0 ? length : -1));
        var places = new List<int>();
        for (var at = start; step > 0 ? at < stop : at > stop; at += step)
        {
            scope.Run.Step(Line);
            places.Add((int)at);
        }

        return target is string text
            ? new string([.. places.Select(at => text[at])])
            : places.Select(at => ((List<object?>)target!)[at]).ToList();

        long Bound(long? given, long otherwise) =>
            given is not { } value
                ? otherwise
                : Math.Clamp(value < 0 ? value + length : value, step > 0 ? 0 : -1, step > 0 ? length : length - 1);
    }

    private static long? Part(TemplateExpression? part, TemplateScope scope) => part?.Evaluate(scope) switch
    {
        null => null,
        long number => Math.Clamp(number, -int.MaxValue, int.MaxValue),
        var other => TemplateValue.Truth(other) ? 1 : 0,
    };
}

/// <summary>A call of a function, a macro or a method.</summary>
internal sealed record CallExpression(int Line, TemplateExpression Target, TemplateArguments Arguments) : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope)
    {
        scope.Run.Step(Line);
        if (Target is MemberExpression { Key: LiteralExpression { Value: string name } } member)
        {
            var target = member.Target.Evaluate(scope);
            var own = target is TemplateMap map && map.TryGetValue(name, out var value) ? value : null;
            return own is TemplateCallable callable
                ? callable(Arguments.Evaluate(scope), scope.Run, Line)
                : TemplateMethods.Call(target, name, Arguments.Evaluate(scope), scope.Run, Line);
        }

        if (Target.Evaluate(scope) is not TemplateCallable function)
        {
            scope.Run.Fail(Line, "this is no function", Target is NameExpression named ? named.Name : null);
            return null;
        }

        return function(Arguments.Evaluate(scope), scope.Run, Line);
    }
}

/// <summary><c>a | filter(...)</c>.</summary>
internal sealed record FilterExpression(int Line, TemplateExpression Target, string Name, TemplateArguments Arguments)
    : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope)
    {
        scope.Run.Step(Line);
        return TemplateFilters.Apply(Name, Target.Evaluate(scope), Arguments.Evaluate(scope), scope.Run, Line);
    }
}

/// <summary><c>a is test</c>.</summary>
internal sealed record TestExpression(int Line, TemplateExpression Target, string Name, TemplateExpression? Argument, bool IsNegated)
    : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope)
    {
        scope.Run.Step(Line);
        return TemplateTests.Apply(Name, Target.Evaluate(scope), Argument?.Evaluate(scope)) != IsNegated;
    }
}

/// <summary><c>not a</c> or <c>-a</c>.</summary>
internal sealed record UnaryExpression(int Line, string Sign, TemplateExpression Operand) : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope)
    {
        var value = Operand.Evaluate(scope);
        return Sign == "not" ? !TemplateValue.Truth(value) : TemplateOperators.Apply(Sign == "-" ? "-" : "+", 0L, value, scope.Run, Line);
    }
}

/// <summary>Two operands; <c>and</c> and <c>or</c> give one of them and need not look at the other.</summary>
internal sealed record BinaryExpression(int Line, string Sign, TemplateExpression Left, TemplateExpression Right) : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope)
    {
        scope.Run.Step(Line);
        var left = Left.Evaluate(scope);
        return Sign switch
        {
            "and" => TemplateValue.Truth(left) ? Right.Evaluate(scope) : left,
            "or" => TemplateValue.Truth(left) ? left : Right.Evaluate(scope),
            _ => TemplateOperators.Apply(Sign, left, Right.Evaluate(scope), scope.Run, Line),
        };
    }
}

/// <summary><c>a if b else c</c>.</summary>
internal sealed record ConditionalExpression(
    int Line, TemplateExpression Condition, TemplateExpression Then, TemplateExpression? Otherwise) : TemplateExpression(Line)
{
    public override object? Evaluate(TemplateScope scope)
    {
        scope.Run.Step(Line);
        var chosen = TemplateValue.Truth(Condition.Evaluate(scope)) ? Then : Otherwise;
        return chosen is null ? Undefined.Value : chosen.Evaluate(scope);
    }
}

/// <summary>Arguments of a call.</summary>
/// <param name="Positional">Those without a name.</param>
/// <param name="Named">Those with one.</param>
internal sealed record TemplateArguments(
    IReadOnlyList<TemplateExpression> Positional, IReadOnlyList<(string Name, TemplateExpression Value)> Named)
{
    public static TemplateArguments None { get; } = new([], []);

    public ArgumentValues Evaluate(TemplateScope scope) => new(
        [.. Positional.Select(item => item.Evaluate(scope))],
        Named.ToDictionary(item => item.Name, item => item.Value.Evaluate(scope), StringComparer.Ordinal));
}

/// <summary>Values of the arguments of a call.</summary>
internal sealed record ArgumentValues(IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named)
{
    /// <summary>An argument by place or name; <see cref="Undefined"/> when it is not given.</summary>
    public object? At(int place, string name) =>
        place < Positional.Count ? Positional[place] : Named.TryGetValue(name, out var value) ? value : Undefined.Value;
}

/// <summary>Something that can be called.</summary>
internal delegate object? TemplateCallable(ArgumentValues arguments, TemplateRun run, int line);
