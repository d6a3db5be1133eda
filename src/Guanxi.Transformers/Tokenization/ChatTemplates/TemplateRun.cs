using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;

namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>One rendering: its output, and the bounds that a template may not pass.</summary>
/// <param name="errors">Says what is wrong.</param>
internal sealed class TemplateRun(TemplateErrors errors)
{
    private const int MostSteps = 2_000_000;
    private const long MostCharacters = 32 << 20;
    private const int MostDepth = 64;

    private StringBuilder _output = new();
    private int _steps;
    private long _characters;
    private int _depth;

    /// <summary>What was written.</summary>
    public string Output => _output.ToString();

    /// <summary>Counts a step; every expression that can be nested without brackets takes one, so that none overflows the stack.</summary>
    public void Step(int line)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            Fail(line, "the chat template is nested too deeply", null);
        }

        if (++_steps > MostSteps)
        {
            Fail(line, "the chat template does not come to an end", $"more than {MostSteps} steps");
        }
    }

    /// <summary>Counts characters or items that were made.</summary>
    public void Charge(long amount, int line)
    {
        if ((_characters += amount) > MostCharacters)
        {
            Fail(line, "the chat template makes too much text", $"more than {MostCharacters} characters");
        }
    }

    /// <summary>Counts a text that was made.</summary>
    public string Made(string text, int line)
    {
        Charge(text.Length, line);
        return text;
    }

    /// <summary>Writes to the output.</summary>
    public void Write(string text, int line)
    {
        Charge(text.Length, line);
        _output.Append(text);
    }

    /// <summary>Runs a part and gives what it writes.</summary>
    public string Capture(Action part, int line)
    {
        if (++_depth > MostDepth)
        {
            Fail(line, "macros call each other too deeply", $"{MostDepth} deep");
        }

        var outer = _output;
        _output = new StringBuilder();
        part();
        var text = _output.ToString();
        _output = outer;
        _depth--;
        return text;
    }

    /// <summary>Gives up.</summary>
    [DoesNotReturn]
    public void Fail(int line, string what, string? found) => errors.Throw(line, what, null, found);
}

/// <summary>Variables, those of the scopes around included.</summary>
/// <param name="run">The rendering.</param>
/// <param name="outer">The scope around, or null.</param>
internal sealed class TemplateScope(TemplateRun run, TemplateScope? outer)
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    public TemplateRun Run => run;

    public object? Get(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._values.TryGetValue(name, out var value))
            {
                return value;
            }
        }

        return Undefined.Value;
    }

    public void Set(string name, object? value) => _values[name] = value;

    private TemplateScope? Outer => outer;
}
