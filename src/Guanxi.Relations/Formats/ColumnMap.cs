namespace Guanxi.Relations.Formats;

/// <summary>A cell of a table.</summary>
/// <param name="Text">Its text, unquoted.</param>
/// <param name="Column">UTF-16 unit of its line at which the text begins, from 1.</param>
internal readonly record struct Cell(string Text, int Column);

/// <summary>Which column holds which field; -1 for none.</summary>
/// <param name="Width">Number of columns.</param>
/// <param name="Label">Column of the relation.</param>
/// <param name="Text">Column of the sentence.</param>
/// <param name="Person1">Column of the first name.</param>
/// <param name="Person2">Column of the second name.</param>
internal sealed record ColumnMap(int Width, int Label, int Text, int Person1, int Person2)
{
    /// <summary>Columns of the two mentions, written as <c>[start, end]</c>.</summary>
    public (int First, int Second) Spans { get; private init; } = (-1, -1);

    /// <summary>Names of columns that hold none of the fields.</summary>
    public IReadOnlyList<string> Others { get; private init; } = [];

    /// <summary>Names of columns and members, with the field that each stands for.</summary>
    public static IReadOnlyDictionary<string, string> FieldByName { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
    {
        ["text"] = RelationInput.TextField,
        ["content"] = RelationInput.TextField,
        ["sentence"] = RelationInput.TextField,
        ["文本"] = RelationInput.TextField,
        ["句子"] = RelationInput.TextField,
        ["label"] = RelationInput.LabelField,
        ["relation"] = RelationInput.LabelField,
        ["标签"] = RelationInput.LabelField,
        ["关系"] = RelationInput.LabelField,
        ["people1"] = RelationInput.Person1Field,
        ["person1"] = RelationInput.Person1Field,
        ["entity1"] = RelationInput.Person1Field,
        ["e1"] = RelationInput.Person1Field,
        ["人物1"] = RelationInput.Person1Field,
        ["people2"] = RelationInput.Person2Field,
        ["person2"] = RelationInput.Person2Field,
        ["entity2"] = RelationInput.Person2Field,
        ["e2"] = RelationInput.Person2Field,
        ["人物2"] = RelationInput.Person2Field,
        ["people1_span"] = RelationInput.Span1Field,
        ["people2_span"] = RelationInput.Span2Field,
    };

    /// <summary>Two columns without header: label, marked sentence.</summary>
    public static ColumnMap LabelAndText { get; } = new(2, 0, 1, -1, -1);

    /// <summary>One column without header: marked sentence.</summary>
    public static ColumnMap TextOnly { get; } = new(1, -1, 0, -1, -1);

    /// <summary>Field that a column or member name stands for; null when none.</summary>
    public static string? FieldOf(string name) => FieldByName.GetValueOrDefault(name.Trim());

    /// <summary>Reads a header; null when the cells are not one.</summary>
    public static ColumnMap? FromHeader(IReadOnlyList<Cell> cells)
    {
        var fields = cells.Select(cell => FieldOf(cell.Text)).ToList();
        var map = new ColumnMap(cells.Count, fields.IndexOf(RelationInput.LabelField), fields.IndexOf(RelationInput.TextField),
            fields.IndexOf(RelationInput.Person1Field), fields.IndexOf(RelationInput.Person2Field))
        {
            Spans = (fields.IndexOf(RelationInput.Span1Field), fields.IndexOf(RelationInput.Span2Field)),
            Others = [.. cells.Where((cell, index) => fields[index] is null && cell.Text.Length > 0).Select(cell => cell.Text)],
        };
        return map.Text >= 0 && map.Person1 < 0 == map.Person2 < 0 ? map : null;
    }

    /// <summary>What a row says.</summary>
    /// <param name="cells">Its cells.</param>
    /// <param name="faults">Receives spans that are none.</param>
    public RelationInput Input(IReadOnlyList<Cell> cells, ICollection<InputFault> faults) => new(
        At(cells, Text),
        At(cells, Person1),
        At(cells, Person2),
        Span(cells, Spans.First, RelationInput.Span1Field, faults),
        Span(cells, Spans.Second, RelationInput.Span2Field, faults),
        At(cells, Label));

    /// <summary>Column of the line at which a fault of a field stands; without columns for the people they are in the text.</summary>
    public int ColumnOf(IReadOnlyList<Cell> cells, InputFault fault)
    {
        var index = fault.Field switch
        {
            RelationInput.LabelField => Label,
            RelationInput.Person1Field when Person1 >= 0 => Person1,
            RelationInput.Person2Field when Person2 >= 0 => Person2,
            RelationInput.Span1Field => Spans.First,
            RelationInput.Span2Field => Spans.Second,
            _ => Text,
        };
        return index < 0 ? 1 : cells[index].Column + fault.Column - 1;
    }

    private static TextSpan? Span(IReadOnlyList<Cell> cells, int index, string field, ICollection<InputFault> faults)
    {
        if (At(cells, index) is not { } text || string.IsNullOrWhiteSpace(text))
        {
            return null;
        }

        if (TextSpan.TryParse(text) is { } span)
        {
            return span;
        }

        faults.Add(new InputFault(DataRules.Span, field, 1, $"{field} is not a span", "[start, end]", text));
        return null;
    }

    private static string? At(IReadOnlyList<Cell> cells, int index) => index < 0 ? null : cells[index].Text;
}
