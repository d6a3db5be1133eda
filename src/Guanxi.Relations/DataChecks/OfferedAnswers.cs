namespace Guanxi.Relations.DataChecks;

/// <summary>Compares the answers of instruction rows with those that their prompts offer.</summary>
/// <remarks>Prompts offer a list when most rows' answers are in their prompt and there are few different ones.</remarks>
internal static class OfferedAnswers
{
    private const int MostAnswersOfAList = 50;

    /// <summary>Answers that rows give and their prompts do not offer.</summary>
    /// <param name="rows">All rows of a file.</param>
    /// <returns>Each answer with its rows, in the order of the file; none where prompts offer no list.</returns>
    public static IReadOnlyList<(string Answer, IReadOnlyList<InstructionExample> Rows)> Missing(IReadOnlyList<InstructionExample> rows)
    {
        bool IsOffered(InstructionExample row) => row.Human.Contains(row.Assistant, StringComparison.Ordinal);
        var answers = rows.GroupBy(row => row.Assistant, StringComparer.Ordinal).ToArray();
        if (answers.Length > MostAnswersOfAList || 2 * rows.Count(IsOffered) <= rows.Count)
        {
            return [];
        }

        return [.. answers
            .Select(answer => (answer.Key, Rows: (IReadOnlyList<InstructionExample>)[.. answer.Where(row => !IsOffered(row))]))
            .Where(answer => answer.Rows.Count > 0)];
    }
}
