namespace Guanxi.Relations.DataChecks;

/// <summary>How a row repeats an earlier one.</summary>
internal enum RepeatKind
{
    /// <summary>The same question with the same answer, in the same file.</summary>
    Duplicate,

    /// <summary>The same question with another answer, in whatever file.</summary>
    Conflict,

    /// <summary>A sentence that an earlier file has too.</summary>
    Leakage,
}

/// <summary>A row that repeats an earlier one.</summary>
/// <param name="Kind">How.</param>
/// <param name="File">Index of the row's file.</param>
/// <param name="Row">The row.</param>
/// <param name="Earlier">The row it repeats: of a leak one with the same question, where there is one.</param>
internal sealed record Repeat(RepeatKind Kind, int File, LearntRow Row, LearntRow Earlier)
{
    /// <summary>Whether both rows ask the same.</summary>
    public bool IsSameQuestion => Row.Question == Earlier.Question;
}

/// <summary>Finds rows that repeat, contradict or leak; training warns of them, the check lists them, statistics count them.</summary>
internal static class Repeats
{
    /// <summary>Compares every row with those before it.</summary>
    /// <param name="files">Rows of each file; of several files the first is what is trained on.</param>
    /// <returns>All repeats in the order of files and rows; a row can conflict and leak.</returns>
    public static IReadOnlyList<Repeat> Find(IReadOnlyList<IReadOnlyList<LearntRow>> files)
    {
        var repeats = new List<Repeat>();
        var firstAsking = new Dictionary<string, (int File, LearntRow Row)>(StringComparer.Ordinal);
        var firstAbout = new Dictionary<string, (int File, LearntRow Row)>(StringComparer.Ordinal);
        foreach (var (file, rows) in files.Index())
        {
            foreach (var row in rows)
            {
                (int File, LearntRow Row) asked = firstAsking.GetValueOrDefault(row.Question, (file, row));
                if (!ReferenceEquals(asked.Row, row) && IsRepeated(asked, file, row) is { } kind)
                {
                    repeats.Add(new Repeat(kind, file, row, asked.Row));
                }

                if (firstAbout.TryGetValue(row.Sentence, out var about) && about.File < file)
                {
                    repeats.Add(new Repeat(RepeatKind.Leakage, file, row, asked.File < file ? asked.Row : about.Row));
                }

                firstAsking.TryAdd(row.Question, (file, row));
                firstAbout.TryAdd(row.Sentence, (file, row));
            }
        }

        return repeats;
    }

    private static RepeatKind? IsRepeated((int File, LearntRow Row) asked, int file, LearntRow row)
    {
        if (asked.Row.Answer is not null && row.Answer is not null && asked.Row.Answer != row.Answer)
        {
            return RepeatKind.Conflict;
        }

        return asked.File == file ? RepeatKind.Duplicate : null;
    }
}
