using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Relations.DataChecks;

/// <summary>What to hold data against.</summary>
public sealed record DataCheckOptions
{
    /// <summary>The known labels.</summary>
    /// <value>Null: those of the first file.</value>
    public RelationSchema? Schema { get; init; }

    /// <summary>Whether a row without a label is an error.</summary>
    /// <value>True.</value>
    public bool RequireLabel { get; init; } = true;

    /// <summary>Characters (code points) of a sentence beyond which a row is over-long.</summary>
    /// <value>256: with the published prompt a longer sentence nears the published limit of 256 tokens for every tokenizer in use.</value>
    public int MaxCharacters { get; init; } = 256;
}

/// <summary>Looks for what spoils training or evaluation: unreadable rows, contradictions, leakage, ambiguous mentions.</summary>
public static class DataChecker
{
    /// <summary>Checks files, each alone and against those before it.</summary>
    /// <param name="paths">The files; of several the first is what is trained on.</param>
    /// <param name="options">What to hold them against.</param>
    /// <returns>All findings, in the order of files and rows.</returns>
    public static IReadOnlyList<Finding> Check(IReadOnlyList<string> paths, DataCheckOptions options)
    {
        var findings = new List<Finding>();
        var files = paths.Select(path => ReadRows(path, options, findings)).ToArray();
        foreach (var row in files.SelectMany(rows => rows))
        {
            CheckMentions(row, options, findings);
        }

        CheckLabels(files, options, findings);
        CheckRepeats(files, findings);
        CheckLeakage(files, findings);
        var order = paths.ToList();
        return [.. findings.OrderBy(finding => order.IndexOf(finding.File)).ThenBy(finding => finding.Row)];
    }

    private static List<RelationExample> ReadRows(string path, DataCheckOptions options, List<Finding> findings)
    {
        var rows = new List<RelationExample>();
        try
        {
            using var data = DatasetReader.Open(path, new DatasetReadOptions { RequireLabel = options.RequireLabel });
            var any = false;
            foreach (var row in data.Rows())
            {
                any = true;
                findings.AddRange(row.Problems.Select(problem => FindingOf(problem, path)));
                if (row.Example is RelationExample relation)
                {
                    rows.Add(relation);
                }
            }

            if (!any)
            {
                findings.Add(new Finding(FindingSeverity.Error, DataRules.Unreadable, path, 0, 0, 1, "there is no row of data"));
            }
        }
        catch (OptionsException fault)
        {
            // What concerns the whole file ends its reading, but not the check of the others.
            findings.AddRange(fault.Problems.Select(problem =>
                new Finding(FindingSeverity.Error, DataRules.Unreadable, path, 0, 0, 1, problem.ToString())));
        }

        return rows;
    }

    private static Finding FindingOf(RowProblem problem, string path)
    {
        var message = (problem.ToProblem() with { Where = "" }).ToString()[": ".Length..];
        return new Finding(FindingSeverity.Error, problem.Rule, path, problem.Place.Row, problem.Place.Line, problem.Column, message);
    }

    private static void CheckMentions(RelationExample row, DataCheckOptions options, List<Finding> findings)
    {
        void Warn(string rule, string message) => findings.Add(Finding.At(FindingSeverity.Warning, rule, row.Place, message));

        if (row is { Span1: { } span1, Span2: { } span2 } && span1.Overlaps(span2))
        {
            Warn(DataRules.MarkerNested, $"the mention of {(span1.Contains(span2) ? row.Person2 : row.Person1)} is inside the other one");
        }

        foreach (var name in new[] { row.Person1, row.Person2 }.Distinct())
        {
            var count = Mentions.All(row.Text, name).Count;
            if (count > 1)
            {
                Warn(DataRules.AmbiguousMention, $"{name} occurs {count} times");
            }
        }

        var isSame = row.Person1 == row.Person2;
        if (isSame || row.Person1.Contains(row.Person2, StringComparison.Ordinal)
            || row.Person2.Contains(row.Person1, StringComparison.Ordinal))
        {
            Warn(DataRules.NameInName, isSame
                ? $"both people are called {row.Person1}"
                : $"of {row.Person1} and {row.Person2} one is part of the other");
        }

        var length = CodePointOrder.Count(row.Text);
        if (length > options.MaxCharacters)
        {
            Warn(DataRules.TooLong, $"the sentence has {length} characters, more than {options.MaxCharacters}");
        }
    }

    private static void CheckLabels(List<RelationExample>[] files, DataCheckOptions options, List<Finding> findings)
    {
        var labelled = files.SelectMany(rows => rows).Where(row => row.Label is not null).ToArray();
        var known = files.Take(1).SelectMany(rows => rows).Select(row => row.Label).OfType<string>().Select(Meaning).ToHashSet();
        foreach (var row in labelled)
        {
            var isKnown = options.Schema is null
                ? known.Count == 0 || known.Contains(Meaning(row.Label!))
                : options.Schema.IndexOf(row.Label!) >= 0;
            if (!isKnown)
            {
                findings.Add(Finding.At(FindingSeverity.Error, DataRules.LabelUnknown, row.Place,
                    $"{row.Label} is not one of the known labels"));
            }
        }

        foreach (var meaning in labelled.GroupBy(row => Meaning(row.Label!)))
        {
            var spellings = meaning.GroupBy(row => row.Label!).OrderByDescending(rows => rows.Count()).ToArray();
            foreach (var rarer in spellings[1..])
            {
                var (spelling, commoner) = ($"'{rarer.Key}' ({rarer.Count()} rows)", $"'{spellings[0].Key}' ({spellings[0].Count()} rows)");
                findings.Add(Finding.At(FindingSeverity.Warning, DataRules.LabelSpelling, rarer.First().Place,
                    $"{spelling} and {commoner} are one label in two spellings"));
            }
        }
    }

    /// <summary>What a label means, however it is spelled.</summary>
    internal static string Meaning(string label) => LabelAliases.GroupOf(LabelAliases.Fold(label))[0];

    private static void CheckRepeats(List<RelationExample>[] files, List<Finding> findings)
    {
        var firstByMark = new Dictionary<(string, string, string, TextSpan, TextSpan), RelationExample>();
        foreach (var row in files.SelectMany(rows => rows))
        {
            var (first, second) = Mentions.Locate(row);
            if (firstByMark.TryGetValue((row.Text, row.Person2, row.Person1, second, first), out var other)
                && (row.Person1 != row.Person2 || first != second))
            {
                findings.Add(Finding.At(FindingSeverity.Warning, DataRules.BothOrders, row.Place,
                    $"{other.Place} has the same people in the other order"));
            }

            if (firstByMark.TryAdd((row.Text, row.Person1, row.Person2, first, second), row))
            {
                continue;
            }

            var same = firstByMark[(row.Text, row.Person1, row.Person2, first, second)];
            if (row.Label is not null && same.Label is not null && Meaning(row.Label) != Meaning(same.Label))
            {
                findings.Add(Finding.At(FindingSeverity.Error, DataRules.LabelConflict, row.Place,
                    $"{row.Label} here, {same.Label} at {same.Place}, for the same marked sentence"));
            }
            else if (row.Place.File == same.Place.File)
            {
                findings.Add(Finding.At(FindingSeverity.Warning, DataRules.Duplicate, row.Place, $"the row repeats {same.Place}"));
            }
        }
    }

    private static void CheckLeakage(List<RelationExample>[] files, List<Finding> findings)
    {
        var seen = new Dictionary<string, List<RelationExample>>(StringComparer.Ordinal);
        foreach (var rows in files)
        {
            foreach (var row in rows)
            {
                if (seen.TryGetValue(row.Text, out var earlier))
                {
                    var copy = earlier.Find(other => Mentions.Locate(other) == Mentions.Locate(row));
                    findings.Add(Finding.At(FindingSeverity.Warning, DataRules.Leakage, row.Place,
                        copy is null
                            ? $"the sentence is also at {earlier[0].Place}, with another pair"
                            : $"the sentence is also at {copy.Place}, with the same pair"));
                }
            }

            foreach (var sentence in rows.GroupBy(row => row.Text))
            {
                if (seen.TryGetValue(sentence.Key, out var before))
                {
                    before.AddRange(sentence);
                }
                else
                {
                    seen.Add(sentence.Key, [.. sentence]);
                }
            }
        }
    }
}
