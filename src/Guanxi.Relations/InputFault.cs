using Guanxi.Transformers;

namespace Guanxi.Relations;

/// <summary>One thing wrong with a field of a row, before it is known where that row stands.</summary>
/// <param name="Rule">A name from <see cref="DataRules"/>.</param>
/// <param name="Field">
/// Name of the field: <c>text</c>, <c>people1</c>, <c>people2</c>, <c>people1_span</c>, <c>people2_span</c> or <c>label</c>.
/// </param>
/// <param name="Column">UTF-16 unit of the field's text at which the fault begins, from 1.</param>
/// <param name="What">What is wrong, in one sentence.</param>
/// <param name="Expected">What would have been right; null when <paramref name="What"/> says it.</param>
/// <param name="Found">What stood there instead; null when nothing did.</param>
/// <param name="Hint">What to do; null when it is plain.</param>
public sealed record InputFault(
    string Rule, string Field, int Column, string What, string? Expected = null, string? Found = null, string? Hint = null)
{
    /// <summary>The fault in the words of an exception.</summary>
    /// <param name="where">What the caller calls the field.</param>
    /// <returns>The same facts.</returns>
    public Problem ToProblem(string where) => new(where, What, Expected, Found, Hint);
}

/// <summary>One thing wrong with a row, with its place.</summary>
/// <param name="Rule">A name from <see cref="DataRules"/>.</param>
/// <param name="Place">File, line and row.</param>
/// <param name="Column">UTF-16 unit of the line, from 1.</param>
/// <param name="What">What is wrong, in one sentence.</param>
/// <param name="Expected">What would have been right; null when <paramref name="What"/> says it.</param>
/// <param name="Found">What stood there instead; null when nothing did.</param>
/// <param name="Hint">What to do; null when it is plain.</param>
public sealed record RowProblem(
    string Rule, SourcePlace Place, int Column, string What, string? Expected = null, string? Found = null, string? Hint = null)
{
    /// <summary>The problem in the words of an exception.</summary>
    /// <returns>The same facts; the place reads file:line:column.</returns>
    public Problem ToProblem() => new($"{Place}:{Column}", What, Expected, Found, Hint);

    internal static RowProblem Of(InputFault fault, SourcePlace place, int column) =>
        new(fault.Rule, place, column, fault.What, fault.Expected, fault.Found, fault.Hint);
}
