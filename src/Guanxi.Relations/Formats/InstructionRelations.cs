using Guanxi.Relations.Prompts;

namespace Guanxi.Relations.Formats;

/// <summary>Makes relation rows of instruction rows whose question was made by a known template.</summary>
public static class InstructionRelations
{
    /// <summary>Finds sentence, people and label of a row.</summary>
    /// <param name="row">A row of one question and one answer.</param>
    /// <param name="template">What its question was made by.</param>
    /// <returns>The row without spans; null when it is not of that template, has a system message or earlier turns, or can be read in two ways.</returns>
    public static RelationExample? Find(InstructionExample row, PromptTemplate template)
    {
        ArgumentNullException.ThrowIfNull(row);
        ArgumentNullException.ThrowIfNull(template);
        var isPlain = row.System is null && row.Earlier.Count == 0 && PromptInverse.CanInvert(template);
        return isPlain && PromptInverse.Find(template, row.Human) is { } found
            ? new RelationExample(found.Text, found.Person1, found.Person2, null, null, row.Assistant, row.Place)
            : null;
    }
}
