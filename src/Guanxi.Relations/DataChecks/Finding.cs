using Guanxi.Relations.Formats;

namespace Guanxi.Relations.DataChecks;

/// <summary>How bad a finding is.</summary>
public enum FindingSeverity
{
    /// <summary>Worth knowing; the row can be used.</summary>
    Warning,

    /// <summary>The row cannot be used, or teaches the wrong thing.</summary>
    Error,
}

/// <summary>Something noticed in data.</summary>
/// <param name="Severity">How bad it is.</param>
/// <param name="Rule">A name from <see cref="DataRules"/>.</param>
/// <param name="File">The file.</param>
/// <param name="Row">Row of the data, from 1; 0 when it is about the file.</param>
/// <param name="Line">Line of the file, from 1; 0 when it is about the file.</param>
/// <param name="Column">UTF-16 unit of the line, from 1; 1 when it is about the row.</param>
/// <param name="Message">What was noticed, in one sentence.</param>
public sealed record Finding(FindingSeverity Severity, string Rule, string File, int Row, int Line, int Column, string Message)
{
    /// <summary>What to do about it, in one sentence.</summary>
    /// <value>What <see cref="DataRules.HintOf"/> says of the rule.</value>
    public string Hint { get; init; } = DataRules.HintOf(Rule);

    /// <summary>The finding as one line of JSON.</summary>
    /// <returns>An object with severity (warning or error), rule, file, row, line, column and message, the hint at the message's end.</returns>
    public string ToJson()
    {
        var json = new JsonLineWriter();
        Write(json);
        return json.ToString();
    }

    /// <summary>The finding as compilers write theirs.</summary>
    /// <returns>One line.</returns>
    public override string ToString() => $"{File}:{Line}:{Column}: {Word} {Rule}: {Message}. {Hint}";

    internal void Write(JsonLineWriter json) => json.StartObject()
        .Name("severity").Value(Word)
        .Name("rule").Value(Rule)
        .Name("file").Value(File)
        .Name("row").Value(Row)
        .Name("line").Value(Line)
        .Name("column").Value(Column)
        .Name("message").Value($"{Message}. {Hint}")
        .EndObject();

    private string Word => Severity == FindingSeverity.Error ? "error" : "warning";

    internal static Finding At(FindingSeverity severity, string rule, SourcePlace place, string message) =>
        new(severity, rule, place.File, place.Row, place.Line, 1, message);
}
