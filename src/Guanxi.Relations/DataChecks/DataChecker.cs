using System.Globalization;
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
    private const string IsMarkedHint = "The row marks the one that is meant; a prompt with names alone does not say it.";

    /// <summary>Checks files, each alone and against those before it.</summary>
    /// <param name="paths">The files; of several the first is what is trained on.</param>
    /// <param name="options">What to hold them against.</param>
    /// <returns>All findings, in the order of files and rows.</returns>
    public static IReadOnlyList<Finding> Check(IReadOnlyList<string> paths, DataCheckOptions options)
    {
        ArgumentNullException.ThrowIfNull(paths);
        ArgumentNullException.ThrowIfNull(options);
        var findings = new List<Finding>();
        CheckedRow[][] files = [.. paths.Select(path => ReadRows(path, options, findings))];
        foreach (var row in files.SelectMany(rows => rows))
        {
            CheckMentions(row, options, findings);
        }

        LabelCheck.Check(files, options.Schema, findings);
        CheckRepeats(files, findings);
        CheckOrders(files, findings);
        var order = paths.ToList();
        return [.. findings.OrderBy(finding => order.IndexOf(finding.File)).ThenBy(finding => finding.Row)];
    }

    private static CheckedRow[] ReadRows(string path, DataCheckOptions options, List<Finding> findings)
    {
        var rows = new List<CheckedRow>();
        try
        {
            CheckBytes(path, findings);
            using var data = DatasetReader.Open(path, new DatasetReadOptions { RequireLabel = options.RequireLabel });
            var any = false;
            foreach (var row in data.Rows())
            {
                any = true;
                findings.AddRange(row.Problems.Select(problem => FindingOf(problem, path)));
                if (row.Example is not null)
                {
                    rows.Add(new CheckedRow(row.Example, LearntRow.Of(row.Example), row.ColumnOf));
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
            findings.AddRange(fault.Problems.Select(problem => FindingOf(problem, path)));
        }

        return [.. rows];
    }

    private static void CheckBytes(string path, List<Finding> findings)
    {
        var facts = FileFacts.Of(path);
        if (facts.HasBom)
        {
            findings.Add(new Finding(FindingSeverity.Warning, DataRules.Bom, path, 0, 1, 1, "the file begins with a byte order mark"));
        }

        if (facts.CrlfLines > 0)
        {
            var which = facts.CrlfLines == facts.Lines
                ? "all lines end with CR LF"
                : $"{facts.CrlfLines} of {facts.Lines} lines end with CR LF, the others with LF";
            findings.Add(new Finding(FindingSeverity.Warning, DataRules.LineEnds, path, 0, facts.FirstCrlf, 1, which));
        }
    }

    private static Finding FindingOf(RowProblem problem, string path)
    {
        var told = Told(problem.ToProblem());
        return new Finding(FindingSeverity.Error, problem.Rule, path, problem.Place.Row, problem.Place.Line, problem.Column, told)
        {
            Hint = problem.Hint ?? DataRules.HintOf(problem.Rule),
        };
    }

    /// <summary>A problem with a whole file; its place says line and column where they are known.</summary>
    private static Finding FindingOf(Problem problem, string path)
    {
        var rule = problem.What == TextLines.NotUtf8 ? DataRules.Encoding : DataRules.Unreadable;
        var place = problem.Where.StartsWith(path + ':', StringComparison.Ordinal) ? problem.Where[(path.Length + 1)..].Split(':') : [];
        int Part(int index, int otherwise) =>
            index < place.Length && int.TryParse(place[index], CultureInfo.InvariantCulture, out var number) ? number : otherwise;
        return new Finding(FindingSeverity.Error, rule, path, 0, Part(0, 0), Part(1, 1), Told(problem))
        {
            Hint = problem.Hint ?? DataRules.HintOf(rule),
        };
    }

    private static string Told(Problem problem) => (problem with { Where = "", Hint = null }).ToString()[": ".Length..];

    private static void CheckMentions(CheckedRow checkedRow, DataCheckOptions options, List<Finding> findings)
    {
        if (checkedRow.Example is not RelationExample row)
        {
            return;
        }

        void Warn(string rule, string field, string message) => findings.Add(checkedRow.At(FindingSeverity.Warning, rule, field, message));

        var facts = MentionFacts.Of(row);
        if (facts.IsNested)
        {
            var inner = row.Span1!.Value.Contains(row.Span2!.Value) ? row.Person2 : row.Person1;
            Warn(DataRules.MarkerNested, RelationInput.TextField, $"the mention of {inner} is inside the other one");
        }

        foreach (var (field, name, count) in facts.Repeated)
        {
            var finding = checkedRow.At(FindingSeverity.Warning, DataRules.AmbiguousMention, field, $"{name} occurs {count} times");
            var isMarked = (field == RelationInput.Person1Field ? row.Span1 : row.Span2) is not null;
            findings.Add(isMarked ? finding with { Hint = IsMarkedHint } : finding);
        }

        if (facts.IsNameInName)
        {
            Warn(DataRules.NameInName, RelationInput.Person1Field, row.Person1 == row.Person2
                ? $"both names are {row.Person1}"
                : $"of {row.Person1} and {row.Person2} one is part of the other");
        }

        var length = CodePointOrder.Count(row.Text);
        if (length > options.MaxCharacters)
        {
            Warn(DataRules.TooLong, RelationInput.TextField, $"the sentence has {length} characters, more than {options.MaxCharacters}");
        }
    }

    private static void CheckRepeats(CheckedRow[][] files, List<Finding> findings)
    {
        var byLearnt = ByReference(files, row => row.Learnt);
        foreach (var repeat in Repeats.Find([.. files.Select(rows => rows.Select(row => row.Learnt).ToArray())]))
        {
            var (row, earlier) = (byLearnt[repeat.Row], byLearnt[repeat.Earlier]);
            var place = earlier.Example.Place;
            var asked = row.Example is RelationExample ? "marked sentence" : "question";
            findings.Add(repeat.Kind switch
            {
                RepeatKind.Conflict => row.At(FindingSeverity.Error, DataRules.LabelConflict, RelationInput.LabelField,
                    $"{Shown(row)} here, {Shown(earlier)} at {place}, for the same {asked}"),
                RepeatKind.Duplicate => row.At(FindingSeverity.Warning, DataRules.Duplicate, RelationInput.TextField, $"the row repeats {place}"),
                _ => row.At(FindingSeverity.Warning, DataRules.Leakage, RelationInput.TextField,
                    $"the sentence is also at {place}, {(repeat.IsSameQuestion ? "with the same pair" : "with another pair")}"),
            });
        }

        // Token ids are no words to compare by eye.
        static string Shown(CheckedRow row) => row.Example switch
        {
            RelationExample relation => relation.Label!,
            InstructionExample instruction => instruction.Assistant,
            _ => "one answer",
        };
    }

    private static Dictionary<object, CheckedRow> ByReference(CheckedRow[][] files, Func<CheckedRow, object> key)
    {
        var rows = new Dictionary<object, CheckedRow>(ReferenceEqualityComparer.Instance);
        foreach (var row in files.SelectMany(file => file))
        {
            rows.Add(key(row), row);
        }

        return rows;
    }

    private static void CheckOrders(CheckedRow[][] files, List<Finding> findings)
    {
        var byExample = ByReference(files, row => row.Example);
        foreach (var order in BothOrders.Find([.. files.Select(rows => rows.Select(row => row.Example).OfType<RelationExample>().ToArray())]))
        {
            findings.Add(byExample[order.Row].At(FindingSeverity.Warning, DataRules.BothOrders, RelationInput.Person1Field,
                $"{order.Earlier.Place} has the same names in the other order"));
        }
    }
}

/// <summary>A row that is being checked.</summary>
/// <param name="Example">The row.</param>
/// <param name="Learnt">What it asks and answers.</param>
/// <param name="ColumnOf">Column of the line at which a field begins; null where that is not known.</param>
internal sealed record CheckedRow(IExample Example, LearntRow Learnt, Func<string, int>? ColumnOf)
{
    /// <summary>A finding about a field of the row.</summary>
    public Finding At(FindingSeverity severity, string rule, string field, string message) => new(
        severity, rule, Example.Place.File, Example.Place.Row, Example.Place.Line, ColumnOf?.Invoke(field) ?? 1, message);
}
