namespace Guanxi.Relations.DataChecks;

/// <summary>Looks for labels that are unknown, spelled in two ways or hardly used.</summary>
internal static class LabelCheck
{
    // A label of one or two rows among so many is a slip of the pen more often than a class.
    private const int RowsToJudge = 100;
    private const int FewRows = 2;

    /// <summary>Checks the labels of all files.</summary>
    /// <param name="files">Rows of each file.</param>
    /// <param name="schema">The known labels; null: those of the first file.</param>
    /// <param name="findings">Receives what is found.</param>
    public static void Check(CheckedRow[][] files, RelationSchema? schema, List<Finding> findings)
    {
        var labelled = files.SelectMany(rows => rows).Where(row => LabelOf(row) is not null).ToArray();
        FindUnknown(labelled, files.Take(1).SelectMany(rows => rows), schema, findings);
        FindSpellings(labelled, findings);
        if (schema is null)
        {
            FindRare(labelled, findings);
        }

        foreach (var (answer, rows) in files.SelectMany(file => OfferedAnswers.Missing([.. file.Select(row => row.Example).OfType<InstructionExample>()])))
        {
            findings.Add(Finding.At(FindingSeverity.Warning, DataRules.PromptLabel, rows[0].Place, $"{rows.Count} rows answer {answer}, which their prompt does not offer"));
        }
    }

    private static string? LabelOf(CheckedRow row) => (row.Example as RelationExample)?.Label;

    private static void FindUnknown(CheckedRow[] labelled, IEnumerable<CheckedRow> first, RelationSchema? schema, List<Finding> findings)
    {
        var known = first.Select(LabelOf).OfType<string>().Select(LabelAliases.Meaning).ToHashSet();
        foreach (var row in labelled)
        {
            var label = LabelOf(row)!;
            var isKnown = schema is null ? known.Count == 0 || known.Contains(LabelAliases.Meaning(label)) : schema.IndexOf(label) >= 0;
            if (!isKnown)
            {
                var nearest = schema?.Nearest(label);
                findings.Add(row.At(FindingSeverity.Error, DataRules.LabelUnknown, RelationInput.LabelField,
                    $"{label} is not one of the known labels{(nearest is null ? "" : $"; the nearest is {nearest}")}"));
            }
        }
    }

    private static void FindSpellings(CheckedRow[] labelled, List<Finding> findings)
    {
        foreach (var meaning in labelled.GroupBy(row => LabelAliases.Meaning(LabelOf(row)!)))
        {
            var spellings = meaning.GroupBy(row => LabelOf(row)!).OrderByDescending(rows => rows.Count()).ToArray();
            foreach (var rarer in spellings[1..])
            {
                var (spelling, commoner) = ($"'{rarer.Key}' ({rarer.Count()} rows)", $"'{spellings[0].Key}' ({spellings[0].Count()} rows)");
                findings.Add(rarer.First().At(FindingSeverity.Warning, DataRules.LabelSpelling, RelationInput.LabelField,
                    $"{spelling} and {commoner} are one label in two spellings"));
            }
        }
    }

    private static void FindRare(CheckedRow[] labelled, List<Finding> findings)
    {
        if (labelled.Length < RowsToJudge)
        {
            return;
        }

        foreach (var meaning in labelled.GroupBy(row => LabelAliases.Meaning(LabelOf(row)!)).Where(rows => rows.Count() <= FewRows))
        {
            var row = meaning.First();
            findings.Add(row.At(FindingSeverity.Warning, DataRules.LabelRare, RelationInput.LabelField,
                $"only {meaning.Count()} of {labelled.Length} rows have the label {LabelOf(row)}"));
        }
    }
}
