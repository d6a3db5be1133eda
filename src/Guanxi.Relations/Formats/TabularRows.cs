namespace Guanxi.Relations.Formats;

/// <summary>Reads relation rows from a table.</summary>
/// <param name="map">Its columns.</param>
/// <param name="hasHeader">Whether its first row names them.</param>
/// <param name="widthHint">What to do about a row of another width.</param>
internal sealed class TabularRows(ColumnMap map, bool hasHeader, string? widthHint)
{
    /// <summary>Rows of text in which a delimiter stands between the cells.</summary>
    public static Func<IEnumerable<TextLine>, RowContext, IEnumerable<ReadRow>> Delimited(ColumnMap map, char delimiter, bool quoted, bool hasHeader)
    {
        var hint = quoted ? "Text that holds the separator stands in quotation marks." : "A tab in the text would be a separator.";
        var table = new TabularRows(map, hasHeader, hint);
        return (lines, context) => table.Read(DelimitedText.Rows(lines, delimiter, quoted), context);
    }

    /// <summary>Reads rows that are cut into cells.</summary>
    public IEnumerable<ReadRow> Read(IEnumerable<DelimitedRow> rows, RowContext context)
    {
        var row = 0;
        var headerToSkip = hasHeader;
        context.OtherFields.UnionWith(map.Others);
        foreach (var cut in rows)
        {
            if (headerToSkip && cut.Problem is null)
            {
                headerToSkip = false;
            }
            else if (cut.Problem is not null || cut.Cells.Any(cell => cell.Text.Length > 0))
            {
                yield return ReadOne(cut, context.Place(cut.Line, ++row), context);
            }
        }
    }

    private ReadRow ReadOne(DelimitedRow cut, SourcePlace place, RowContext context)
    {
        if (cut.Problem is not null)
        {
            return new ReadRow(place, null, [cut.Problem with { Place = place }]);
        }

        if (cut.Cells.Count != map.Width)
        {
            var column = cut.Cells.Count > map.Width ? cut.Cells[map.Width].Column : cut.Cells[^1].Column + cut.Cells[^1].Text.Length;
            return new ReadRow(place, null,
                [new RowProblem(DataRules.Columns, place, column, "the row has another number of columns than the header", $"{map.Width}",
                    $"{cut.Cells.Count}", widthHint)]);
        }

        var faults = new List<InputFault>();
        var input = map.Input(cut.Cells, faults);
        return faults.Count > 0
            ? new ReadRow(place, null, [.. faults.Select(fault => RowProblem.Of(fault, place, map.ColumnOf(cut.Cells, fault)))])
            : context.Relation(input, place, fault => map.ColumnOf(cut.Cells, fault));
    }
}
