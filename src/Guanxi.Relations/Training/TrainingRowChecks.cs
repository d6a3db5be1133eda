using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Prompts;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>What is odd about the rows of a run: told with counts and the first places, before the model is loaded.</summary>
/// <param name="note">Told of it.</param>
internal sealed class TrainingRowChecks(Action<string> note)
{
    private const int PlacesShown = 3;

    /// <summary>Rows that repeat or contradict others, and rows for evaluation that are trained on.</summary>
    /// <param name="train">Rows to learn from.</param>
    /// <param name="evaluation">Rows of eval_file.</param>
    public void Compare(IReadOnlyList<LearntRow> train, IReadOnlyList<LearntRow> evaluation)
    {
        var repeats = Repeats.Find([train, evaluation]);
        SourcePlace[] Places(RepeatKind kind, int file) =>
            [.. repeats.Where(repeat => repeat.Kind == kind && repeat.File == file).Select(repeat => repeat.Row.Place)];
        Warn(Places(RepeatKind.Conflict, 0), $"of {train.Count} rows of train_file answer otherwise than an earlier row that asks the same");
        Warn(Places(RepeatKind.Duplicate, 0), $"of {train.Count} rows of train_file repeat an earlier row");
        var copies = repeats.Count(repeat => repeat is { Kind: RepeatKind.Leakage, IsSameQuestion: true });
        Warn(
            Places(RepeatKind.Leakage, 1),
            $"of {evaluation.Count} rows of eval_file have a sentence that is trained on, {copies} of them with the same question: their scores are too good");
    }

    /// <summary>Labels that the prompt's list spells otherwise or leaves out.</summary>
    public void ComparePrompt(PromptTemplate template, RelationSchema schema, IReadOnlyList<RelationExample> train)
    {
        var findings = PromptLabelCheck.Check(template, schema, "prompt_template");
        foreach (var (label, finding) in PromptLabelCheck.Missing(template, schema).Zip(findings))
        {
            var rows = train.Where(row => schema.Canonical(row.Label!) == label).Select(row => row.Place).ToArray();
            Warn(rows, $"of {train.Count} rows are labelled {label}: {finding.Message}");
        }
    }

    /// <summary>Answers from a list that a prompt offers, where they are not on it.</summary>
    public void CompareAnswers(IReadOnlyList<InstructionExample> train)
    {
        foreach (var (answer, rows) in OfferedAnswers.Missing(train))
        {
            Warn([.. rows.Select(row => row.Place)], $"of {train.Count} rows answer {answer}, which their prompt does not offer");
        }
    }

    /// <summary>Cuts rows and tells which lose what is to be learnt.</summary>
    /// <param name="rows">Whole rows.</param>
    /// <param name="places">Where they came from.</param>
    /// <param name="length">Most tokens; null to cut nothing.</param>
    /// <returns>The rows, none longer.</returns>
    public TokenSequence[] Cut(IReadOnlyList<TokenSequence> rows, IReadOnlyList<SourcePlace> places, int? length)
    {
        TokenSequence[] cut = length is { } most ? [.. rows.Select(row => row.CutTo(most))] : [.. rows];
        var lost = Enumerable.Range(0, cut.Length).Where(i => cut[i].SupervisedCount < rows[i].SupervisedCount).ToArray();
        var longest = lost.Length == 0 ? 0 : lost.Max(i => rows[i].Tokens.Length);
        Warn([.. lost.Select(i => places[i])], $"of {cut.Length} rows lose target tokens to max_seq_length {length}; the longest needs {longest}");
        var empty = Enumerable.Range(0, cut.Length).Where(i => cut[i].SupervisedCount == 0).ToArray();
        Warn([.. empty.Select(i => places[i])], $"of {cut.Length} rows have no token left to learn");
        return cut;
    }

    private void Warn(SourcePlace[] places, string what)
    {
        if (places.Length > 0)
        {
            var more = places.Length > PlacesShown ? ", ..." : string.Empty;
            note($"warning: {places.Length} {what} ({string.Join(", ", places.Take(PlacesShown))}{more})");
        }
    }
}
