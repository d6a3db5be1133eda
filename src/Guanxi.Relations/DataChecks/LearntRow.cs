using Guanxi.Transformers.Training;

namespace Guanxi.Relations.DataChecks;

/// <summary>What a row of any kind asks and answers, to be compared with other rows.</summary>
/// <param name="Question">Equal for rows that ask the same.</param>
/// <param name="Answer">Equal for rows that answer the same; null for a relation without label.</param>
/// <param name="Sentence">Equal for rows about the same sentence; of rows that are no relations the question.</param>
/// <param name="Place">Where the row came from.</param>
internal sealed record LearntRow(string Question, string? Answer, string Sentence, SourcePlace Place)
{
    private const char Between = '\u0001';

    public static LearntRow Of(IExample row) => row switch
    {
        RelationExample relation => Of(relation),
        InstructionExample instruction => Of(instruction),
        TokenizedExample tokenized => Of(tokenized),
        _ => throw new ArgumentException($"{row.GetType().Name} is no row of data", nameof(row)),
    };

    public static LearntRow Of(RelationExample row)
    {
        var (first, second) = Mentions.Locate(row);
        var answer = row.Label is null ? null : LabelAliases.Meaning(row.Label);
        return new LearntRow($"{row.Text}{Between}{first}{Between}{second}", answer, row.Text, row.Place);
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
