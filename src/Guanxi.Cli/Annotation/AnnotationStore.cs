using Guanxi.Relations;
using Guanxi.Transformers;
using Microsoft.Data.Sqlite;

namespace Guanxi.Cli.Annotation;

/// <summary>Rows, labels, notes, suggestions and the history of changes, in one SQLite file.</summary>
/// <remarks>
/// Every change is checked against the revision its author saw, so that two tabs never write over each other unseen. The history knows
/// which tab made a change: undoing takes back a tab's own work, or what was done before this start of the program.
/// </remarks>
internal sealed class AnnotationStore : IDisposable
{
    private const string Schema =
        """
        CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS row (
            number INTEGER PRIMARY KEY, text TEXT NOT NULL, people1 TEXT NOT NULL, people2 TEXT NOT NULL,
            start1 INTEGER, end1 INTEGER, start2 INTEGER, end2 INTEGER, given_label TEXT,
            label TEXT, skipped INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT '', revision INTEGER NOT NULL DEFAULT 0,
            suggested_label TEXT, suggestion TEXT);
        CREATE INDEX IF NOT EXISTS row_unlabelled ON row (number) WHERE label IS NULL AND skipped = 0;
        CREATE INDEX IF NOT EXISTS row_skipped ON row (number) WHERE skipped = 1;
        CREATE INDEX IF NOT EXISTS row_disagreeing ON row (number) WHERE label <> suggested_label;
        CREATE INDEX IF NOT EXISTS row_unasked ON row (number) WHERE suggestion IS NULL;
        CREATE TABLE IF NOT EXISTS history (
            id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL REFERENCES row, tab TEXT NOT NULL, start INTEGER NOT NULL,
            label TEXT, skipped INTEGER NOT NULL, note TEXT NOT NULL, revision INTEGER NOT NULL, time TEXT NOT NULL, undone INTEGER NOT NULL DEFAULT 0);
        """;

    private const string Columns =
        """
        SELECT number, text, people1, people2, start1, end1, start2, end2, given_label, label, skipped, note, revision, suggested_label, suggestion
        FROM row
        """;

    private readonly Database _database;
    private readonly TimeProvider _time;
    private readonly string _path;
    private readonly long _start;

    /// <summary>Opens a file, or makes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="OptionsException">It cannot be opened, or is something else.</exception>
    public AnnotationStore(string path, TimeProvider time)
    {
        (_path, _time, _database) = (path, time, new Database(path, Schema));
        _start = 1 + (_database.Number("SELECT max(start) FROM history") ?? 0);
    }

    /// <summary>How far the work is.</summary>
    public Progress Progress => _database.Query(
        reader => new Progress(
            Rows: reader.GetInt32(0),
            Labelled: reader.GetInt32(0) - reader.GetInt32(1) - reader.GetInt32(2),
            Skipped: reader.GetInt32(2),
            Suggested: reader.GetInt32(0) - reader.GetInt32(3),
            Disagreeing: reader.GetInt32(4)),
        $"""
        SELECT (SELECT coalesce(max(number), 0) FROM row), (SELECT count(*) FROM row WHERE {Condition(RowFilter.Unlabelled)}),
               (SELECT count(*) FROM row WHERE {Condition(RowFilter.Skipped)}), (SELECT count(*) FROM row WHERE suggestion IS NULL),
               (SELECT count(*) FROM row WHERE {Condition(RowFilter.Disagreeing)})
        """)[0];

    /// <summary>Takes the rows that are not there yet; those that are must be the same.</summary>
    /// <param name="rows">All rows of the data, in their order.</param>
    /// <exception cref="OptionsException">The database belongs to other data.</exception>
    public void Import(IReadOnlyList<RelationExample> rows)
    {
        var known = Rows("");
        foreach (var (old, row) in known.Zip(rows))
        {
            if (old.Example with { Place = row.Place } != row)
            {
                throw new OptionsException(new Problem(
                    _path, "the database was made from other rows", $"row {old.Number} as it was then: {old.Example.Text}",
                    $"{row.Place}: {row.Text}", "Give the file as it was (rows may be added at its end), or another --db."));
            }
        }

        if (known.Count > rows.Count)
        {
            throw new OptionsException(new Problem(
                _path, "the database was made from more rows", $"{known.Count} rows", $"{rows.Count}", "Give the file as it was, or another --db."));
        }

        _database.Change(() =>
        {
            foreach (var (at, row) in rows.Index().Skip(known.Count))
            {
                _database.Execute(
                    """
                    INSERT INTO row (number, text, people1, people2, start1, end1, start2, end2, given_label, label)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)
                    """,
                    at + 1, row.Text, row.Person1, row.Person2, row.Span1?.Start, row.Span1?.End, row.Span2?.Start, row.Span2?.End, row.Label);
            }

            return rows.Count;
        });
    }

    /// <summary>A setting that outlives the program; null when there is none.</summary>
    public string? Setting(string name) =>
        _database.Query(reader => reader.GetString(0), "SELECT value FROM setting WHERE name = ?1", name) is [var value] ? value : null;

    /// <summary>Keeps a setting.</summary>
    public void Set(string name, string value) => _database.Execute("INSERT OR REPLACE INTO setting VALUES (?1, ?2)", name, value);

    /// <summary>A row; null when there is none of this number.</summary>
    public AnnotatedRow? Row(int number) => Rows("WHERE number = ?1", number) is [var row] ? row : null;

    /// <summary>Rows with a label.</summary>
    public IReadOnlyList<AnnotatedRow> Labelled() => Rows("WHERE label IS NOT NULL");

    /// <summary>The next row that a filter lets through; of unlabelled ones the first again behind the last.</summary>
    /// <param name="number">Where to start from, itself not.</param>
    /// <param name="isForward">Whether towards the end.</param>
    /// <param name="filter">Which rows count.</param>
    /// <returns>Its number; null when there is none.</returns>
    public int? Next(int number, bool isForward, RowFilter filter)
    {
        var query = $"SELECT {(isForward ? "min" : "max")}(number) FROM row WHERE {Condition(filter)}";
        var next = _database.Number($"{query} AND number {(isForward ? ">" : "<")} ?1", number);
        return (int?)(next ?? (filter == RowFilter.Unlabelled ? _database.Number($"{query} AND number <> ?1", number) : null));
    }

    /// <summary>Writes what an annotator says of a row.</summary>
    /// <param name="number">The row.</param>
    /// <param name="mark">What is said.</param>
    /// <param name="revision">The revision that the annotator saw.</param>
    /// <param name="tab">Who says it.</param>
    /// <exception cref="MarkConflictException">The row was changed elsewhere.</exception>
    public void Put(int number, Mark mark, long revision, string tab) => _database.Change(() =>
    {
        var row = Row(number);
        if (row is null || row.Revision != revision)
        {
            throw new MarkConflictException(number);
        }

        if (row.Mark != mark)
        {
            _database.Execute(
                "INSERT INTO history (number, tab, start, label, skipped, note, revision, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                number, tab, _start, row.Mark.Label, row.Mark.IsSkipped, row.Mark.Note, revision + 1, _time.GetUtcNow().ToString("O"));
            Write(number, mark);
        }

        return number;
    });

    /// <summary>Takes back the last change of a tab; of a tab that has made none, the last one before this start of the program.</summary>
    /// <param name="tab">The tab.</param>
    /// <returns>The row; null when there is nothing to take back.</returns>
    /// <exception cref="MarkConflictException">The row was changed elsewhere since.</exception>
    public int? Undo(string tab) => _database.Change(() =>
    {
        var isKnown = _database.Number("SELECT count(*) FROM history WHERE tab = ?1", tab) > 0;
        var changes = _database.Query(
            reader => (Id: reader.GetInt64(0), Number: reader.GetInt32(1), Mark: MarkAt(reader, 2), Revision: reader.GetInt64(5)),
            $"""
            SELECT id, number, label, skipped, note, revision FROM history
            WHERE undone = 0 AND {(isKnown ? "tab = ?1" : "start < ?1")} ORDER BY id DESC LIMIT 1
            """,
            isKnown ? tab : _start);
        if (changes is not [var last])
        {
            return (int?)null;
        }

        if (Row(last.Number)!.Revision != last.Revision)
        {
            throw new MarkConflictException(last.Number);
        }

        Write(last.Number, last.Mark);
        _database.Execute("UPDATE history SET undone = 1 WHERE id = ?1", last.Id);

        // The change before it, if it was to the same row, can then be taken back as well.
        _database.Execute(
            "UPDATE history SET revision = ?2 WHERE id = (SELECT max(id) FROM history WHERE number = ?1 AND undone = 0)", last.Number, last.Revision + 1);
        return last.Number;
    });

    /// <summary>Forgets suggestions that another model has made.</summary>
    /// <param name="model">The model.</param>
    public void UseModel(string model) => _database.Change(() =>
    {
        if (Setting("model") != model)
        {
            _database.Execute("UPDATE row SET suggested_label = NULL, suggestion = NULL WHERE suggestion IS NOT NULL");
            Set("model", model);
        }

        return model;
    });

    /// <summary>Rows without a suggestion, those from a row on first.</summary>
    public IReadOnlyList<AnnotatedRow> WithoutSuggestion(int from, int most)
    {
        var rows = Rows("WHERE suggestion IS NULL AND number >= ?1 ORDER BY number LIMIT ?2", from, most);
        return rows.Count == most ? rows : [.. rows, .. Rows("WHERE suggestion IS NULL AND number < ?1 ORDER BY number LIMIT ?2", from, most - rows.Count)];
    }

    /// <summary>Keeps suggestions.</summary>
    public void Suggest(IEnumerable<(int Number, Suggestion Suggestion)> suggestions) => _database.Change(() =>
    {
        foreach (var (number, suggestion) in suggestions)
        {
            _database.Execute("UPDATE row SET suggested_label = ?2, suggestion = ?3 WHERE number = ?1", number, suggestion.Label, suggestion.Probabilities);
        }

        return 0;
    });

    public void Dispose() => _database.Dispose();

    // As the indexes spell it: only then are they used, and a key press stays quick with a hundred thousand rows.
    private static string Condition(RowFilter filter) => filter switch
    {
        RowFilter.Unlabelled => "label IS NULL AND skipped = 0",
        RowFilter.Disagreeing => "label <> suggested_label",
        RowFilter.Skipped => "skipped = 1",
        _ => "1",
    };

    private void Write(int number, Mark mark) => _database.Execute(
        "UPDATE row SET label = ?2, skipped = ?3, note = ?4, revision = revision + 1 WHERE number = ?1", number, mark.Label, mark.IsSkipped, mark.Note);

    private IReadOnlyList<AnnotatedRow> Rows(string condition, params object?[] values) =>
        _database.Query(Read, $"{Columns} {condition}{(condition.Contains("ORDER", StringComparison.Ordinal) ? "" : " ORDER BY number")}", values);

    private AnnotatedRow Read(SqliteDataReader reader)
    {
        var number = reader.GetInt32(0);
        var example = new RelationExample(
            reader.GetString(1), reader.GetString(2), reader.GetString(3), SpanAt(reader, 4), SpanAt(reader, 6), TextAt(reader, 8),
            new SourcePlace(_path, number, number));
        var suggestion = reader.IsDBNull(14) ? null : new Suggestion(TextAt(reader, 13), reader.GetString(14));
        return new AnnotatedRow(number, example, MarkAt(reader, 9), reader.GetInt64(12), suggestion);
    }

    private static Mark MarkAt(SqliteDataReader reader, int at) => new(TextAt(reader, at), reader.GetBoolean(at + 1), reader.GetString(at + 2));

    private static string? TextAt(SqliteDataReader reader, int at) => reader.IsDBNull(at) ? null : reader.GetString(at);

    private static TextSpan? SpanAt(SqliteDataReader reader, int at) => reader.IsDBNull(at) ? null : new TextSpan(reader.GetInt32(at), reader.GetInt32(at + 1));
}
