using Guanxi.Relations.DataChecks;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>What a row of any kind asks and answers, to be compared with other rows.</summary>
/// <param name="Question">Equal for rows that ask the same.</param>
/// <param name="Answer">Equal for rows that answer the same.</param>
/// <param name="Sentence">Equal for rows about the same sentence; of rows that are no relations the question.</param>
/// <param name="Place">Where the row came from.</param>
internal sealed record LearntRow(string Question, string Answer, string Sentence, SourcePlace Place)
{
    private const char Between = '\u0001';

    public static LearntRow Of(RelationExample row)
    {
        var (first, second) = Mentions.Locate(row);
        return new LearntRow($"{row.Text}{Between}{first}{Between}{second}", DataChecker.Meaning(row.Label!), row.Text, row.Place);
    }

    public static LearntRow Of(InstructionExample row)
    {
        var turns = row.Earlier.SelectMany(turn => (string[])[turn.Human, turn.Assistant]);
        var question = string.Join(Between, [row.System, .. turns, row.Human]);
        return new LearntRow(question, row.Assistant, question, row.Place);
    }

    public static LearntRow Of(TokenizedExample row)
    {
        var first = Array.FindIndex(row.Labels, label => label != TokenSequence.Ignored);
        var asked = first < 0 ? row.InputIds.Length : first;
        var question = string.Join(' ', row.InputIds.Take(asked));
        return new LearntRow(question, string.Join(' ', row.Labels.Skip(asked)), question, row.Place);
    }
}
