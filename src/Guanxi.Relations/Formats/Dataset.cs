using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>The forms of data that are recognised.</summary>
public enum DatasetFormat
{
    /// <summary>Tab-separated columns without quoting, e.g. <c>label&lt;TAB&gt;content</c> with markers in the content.</summary>
    RelationTsv,

    /// <summary>Comma- or semicolon-separated columns with quoting and a header.</summary>
    RelationCsv,

    /// <summary>The first sheet with rows of an XLSX file, with a header.</summary>
    RelationXlsx,

    /// <summary>One object a line: <c>text</c>, <c>people1</c>, <c>people2</c>, <c>label</c>.</summary>
    RelationJsonLines,

    /// <summary>One object a line with a <c>conversation</c> of <c>human</c> and <c>assistant</c>.</summary>
    FireflyJsonLines,

    /// <summary>One object a line with <c>input_ids</c> and <c>labels</c>.</summary>
    TokenizedJsonLines,

    /// <summary>The older text form <c>label e1$e2$sentence</c>.</summary>
    OlderText,
}

/// <summary>What the rows of a data set are.</summary>
public enum DatasetKind
{
    /// <summary><see cref="RelationExample"/>.</summary>
    Relations,

    /// <summary><see cref="InstructionExample"/>.</summary>
    Instructions,

    /// <summary><see cref="TokenizedExample"/>.</summary>
    Tokenized,
}

/// <summary>How to read data.</summary>
public sealed record DatasetReadOptions
{
    /// <summary>Whether bad rows are left out and listed, instead of ending the reading.</summary>
    /// <value>False.</value>
    public bool Lenient { get; init; }

    /// <summary>Whether a relation row without a label is bad.</summary>
    /// <value>True; prediction sets it to false.</value>
    public bool RequireLabel { get; init; } = true;

    /// <summary>The known labels; others are bad, aliases become canonical.</summary>
    /// <value>Null: labels stay as they are written.</value>
    public RelationSchema? Schema { get; init; }

    /// <summary>Rows to read at most, good ones.</summary>
    /// <value>Null: all.</value>
    public int? MaxRows { get; init; }
}

/// <summary>One row as read.</summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Example">The row, or null when it is bad.</param>
/// <param name="Problems">Everything wrong with it; empty when it is good.</param>
public sealed record ReadRow(SourcePlace Place, IExample? Example, IReadOnlyList<RowProblem> Problems)
{
    /// <summary>Column of the line at which a field begins; null where that is not known.</summary>
    internal Func<string, int>? ColumnOf { get; init; }
}

/// <summary>Everything read from a file.</summary>
/// <param name="File">The file as the caller named it.</param>
/// <param name="Format">The form that was recognised.</param>
/// <param name="Examples">The good rows, in file order.</param>
/// <param name="Problems">What is wrong with the others; empty after strict reading.</param>
public sealed record Dataset(string File, DatasetFormat Format, IReadOnlyList<IExample> Examples, IReadOnlyList<RowProblem> Problems)
{
    /// <summary>What the rows are.</summary>
    public DatasetKind Kind => KindOf(Format);

    /// <summary>The rows as relations; empty when they are something else.</summary>
    public IReadOnlyList<RelationExample> Relations => [.. Examples.OfType<RelationExample>()];

    /// <summary>The rows as relations.</summary>
    /// <returns>The rows; at least one.</returns>
    /// <exception cref="OptionsException">They are something else.</exception>
    public IReadOnlyList<RelationExample> RequireRelations()
    {
        RequireRelations(Kind, File);
        return Relations;
    }

    /// <summary>The rows as prompts and answers; empty when they are something else.</summary>
    public IReadOnlyList<InstructionExample> Instructions => [.. Examples.OfType<InstructionExample>()];

    /// <summary>The rows as token sequences; empty when they are something else.</summary>
    public IReadOnlyList<TokenizedExample> Tokenized => [.. Examples.OfType<TokenizedExample>()];

    /// <summary>Refuses rows that are no relations.</summary>
    /// <param name="kind">What the rows are.</param>
    /// <param name="file">Where they come from.</param>
    /// <exception cref="OptionsException">They are something else.</exception>
    public static void RequireRelations(DatasetKind kind, string file)
    {
        if (kind != DatasetKind.Relations)
        {
            throw new OptionsException(new Problem(
                file, "these rows are not sentences with two names", "text, people1, people2 and, to learn or be judged by, label", $"{kind}".ToLowerInvariant(),
                "guanxi data convert makes them of questions that hold the sentence."));
        }
    }

    /// <summary>What the rows of a form are.</summary>
    /// <param name="format">The form.</param>
    /// <returns>The kind.</returns>
    public static DatasetKind KindOf(DatasetFormat format) => format switch
    {
        DatasetFormat.FireflyJsonLines => DatasetKind.Instructions,
        DatasetFormat.TokenizedJsonLines => DatasetKind.Tokenized,
        _ => DatasetKind.Relations,
    };
}
