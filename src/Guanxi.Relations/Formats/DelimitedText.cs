using System.Text;

namespace Guanxi.Relations.Formats;

/// <summary>A row of a table.</summary>
/// <param name="Line">Line at which it begins.</param>
/// <param name="Cells">Its cells.</param>
/// <param name="Problem">What is wrong with its bytes or quotes; null when nothing is.</param>
internal sealed record DelimitedRow(int Line, IReadOnlyList<Cell> Cells, RowProblem? Problem);

/// <summary>Splits lines into cells: RFC 4180 where cells may be quoted, by the separator alone where not.</summary>
internal static class DelimitedText
{
    /// <summary>Cells of one line; a quotation that is not closed in it ends with it.</summary>
    public static IReadOnlyList<Cell> Split(string line, char delimiter, bool quoted) =>
        Rows([new TextLine(1, line, null)], delimiter, quoted).First().Cells;

    /// <summary>Cells of all rows; a quoted cell may hold line ends, which become line feeds. Blank lines are left out.</summary>
    public static IEnumerable<DelimitedRow> Rows(IEnumerable<TextLine> lines, char delimiter, bool quoted)
    {
        var row = new RowBuilder(delimiter, quoted);
        foreach (var line in lines)
        {
            if (line.Problem is not null)
            {
                yield return new DelimitedRow(line.Number, [], line.Problem);
                row.Reset();
            }
            else if (row.IsOpen || !string.IsNullOrWhiteSpace(line.Text))
            {
                row.Take(line);
                if (!row.IsOpen)
                {
                    yield return row.Finish(null);
                }
            }
        }

        if (row.IsOpen)
        {
            yield return row.Finish(new RowProblem(DataRules.Columns, default, row.QuoteColumn, "a quotation mark is never closed"));
        }
    }

    private sealed class RowBuilder(char delimiter, bool quoted)
    {
        private readonly StringBuilder _cell = new();
        private List<Cell> _cells = [];
        private int _line;

        /// <summary>Whether a quotation goes on in the next line.</summary>
        public bool IsOpen { get; private set; }

        public int QuoteColumn { get; private set; }

        public void Reset()
        {
            (_cells, IsOpen) = ([], false);
            _cell.Clear();
        }

        public DelimitedRow Finish(RowProblem? problem)
        {
            var row = new DelimitedRow(_line, _cells, problem);
            Reset();
            return row;
        }

        public void Take(TextLine line)
        {
            var (text, at) = (line.Text, 0);
            if (IsOpen)
            {
                _cell.Append('\n');
                at = TakeQuoted(text, 0);
            }
            else
            {
                _line = line.Number;
                at = TakeCell(text, 0);
            }

            while (at < text.Length)
            {
                at = TakeCell(text, at + 1);   // at stands on a delimiter
            }
        }

        /// <summary>
        /// Takes the cell that begins at a place; returns the place of the delimiter after it, or the line's length + 1 at its end.
        /// </summary>
        private int TakeCell(string text, int at)
        {
            if (quoted && at < text.Length && text[at] == '"')
            {
                QuoteColumn = at + 1;
                return TakeQuoted(text, at + 1);
            }

            var end = text.IndexOf(delimiter, at);
            _cells.Add(new Cell(end < 0 ? text[at..] : text[at..end], at + 1));
            return end < 0 ? text.Length + 1 : end;
        }

        private int TakeQuoted(string text, int at)
        {
            for (IsOpen = true; at < text.Length; at++)
            {
                if (text[at] != '"')
                {
                    _cell.Append(text[at]);
                }
                else if (at + 1 < text.Length && text[at + 1] == '"')
                {
                    _cell.Append(text[at++]);
                }
                else
                {
                    return CloseQuote(text, at + 1);
                }
            }

            return text.Length + 1;
        }

        // What stands between the closing quotation mark and the delimiter belongs to the cell, as spreadsheets read it.
        private int CloseQuote(string text, int at)
        {
            IsOpen = false;
            var end = text.IndexOf(delimiter, at);
            _cell.Append(end < 0 ? text[at..] : text[at..end]);
            _cells.Add(new Cell(_cell.ToString(), QuoteColumn + 1));
            _cell.Clear();
            return end < 0 ? text.Length + 1 : end;
        }
    }
}
