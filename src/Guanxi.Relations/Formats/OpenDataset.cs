using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>Data whose form is known and whose rows are still to be read.</summary>
public sealed class OpenDataset : IDisposable
{
    private readonly Stream _stream;
    private readonly bool _ownsStream;
    private readonly IEnumerator<TextLine> _lines;
    private readonly DatasetReadOptions _options;
    private readonly RecognisedForm _form;
    private readonly RowContext _context;

    internal OpenDataset(Stream stream, string name, DatasetReadOptions options, bool ownsStream)
    {
        (_stream, Name, _options, _ownsStream) = (stream, name, options, ownsStream);
        _context = new RowContext(name, options);
        _lines = new TextLines(stream, name).Read().GetEnumerator();
        _form = Spreadsheet.TryRecognise(stream, name) ?? FormRecognition.Recognise(name, _lines);
    }

    /// <summary>What the data are called in messages.</summary>
    public string Name { get; }

    /// <summary>The form that was recognised.</summary>
    public DatasetFormat Format => _form.Format;

    /// <summary>Columns and members of the rows read so far that mean nothing here, such as a column of notes.</summary>
    internal IEnumerable<string> OtherFields => _context.OtherFields;

    /// <summary>What the rows are.</summary>
    public DatasetKind Kind => Dataset.KindOf(Format);

    /// <summary>The rows in file order, read as they are asked for. Can be gone through once.</summary>
    /// <returns>Good and bad rows.</returns>
    /// <exception cref="OptionsException">The stream fails, or proves to be in another encoding.</exception>
    public IEnumerable<ReadRow> Rows()
    {
        var good = 0;
        foreach (var row in _form.Rows(AllLines(), _context))
        {
            if (good >= _options.MaxRows)
            {
                yield break;
            }

            good += row.Example is null ? 0 : 1;
            yield return row;
        }
    }

    /// <summary>Closes the file, unless the stream is the caller's.</summary>
    public void Dispose()
    {
        _lines.Dispose();
        if (_ownsStream)
        {
            _stream.Dispose();
        }
    }

    private IEnumerable<TextLine> AllLines()
    {
        foreach (var line in _form.LinesSeen)
        {
            yield return line;
        }

        while (_lines.MoveNext())
        {
            yield return _lines.Current;
        }
    }
}

/// <summary>What every reader of rows needs to know.</summary>
/// <param name="File">Name for messages.</param>
/// <param name="Options">How to treat labels.</param>
internal sealed record RowContext(string File, DatasetReadOptions Options)
{
    /// <summary>Names of columns and members that no field of a row stands for.</summary>
    public ISet<string> OtherFields { get; } = new SortedSet<string>(StringComparer.Ordinal);

    public SourcePlace Place(int line, int row) => new(File, line, row);

    public ReadRow Bad(TextLine line, int row) =>
        new(Place(line.Number, row), null, [line.Problem! with { Place = Place(line.Number, row) }]);

    /// <summary>Checks a relation row.</summary>
    /// <param name="input">What the row says.</param>
    /// <param name="place">Where it stands.</param>
    /// <param name="columnOf">Column of the line at which a fault of a field stands.</param>
    public ReadRow Relation(RelationInput input, SourcePlace place, Func<InputFault, int> columnOf)
    {
        var faults = new List<InputFault>();
        var example = input.Build(place, Options.RequireLabel, Options.Schema, faults);
        return new ReadRow(place, example, [.. faults.Select(fault => RowProblem.Of(fault, place, columnOf(fault)))])
        {
            ColumnOf = field => columnOf(new InputFault("", field, 1, "")),
        };
    }
}
