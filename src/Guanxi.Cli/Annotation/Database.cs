using Guanxi.Transformers;
using Microsoft.Data.Sqlite;

namespace Guanxi.Cli.Annotation;

/// <summary>One SQLite file, used by one thread at a time; what a call has written is on the disk when it returns.</summary>
internal sealed class Database : IDisposable
{
    // Another process may hold the file for the moment of a write.
    private const int LockSeconds = 10;

    private const int NotADatabase = 26;

    private readonly string _path;
    private readonly SqliteConnection _connection;
    private readonly Lock _gate = new();
    private SqliteTransaction? _transaction;

    /// <summary>Opens the file, or makes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="schema">Makes the tables that are not there.</param>
    /// <exception cref="OptionsException">It cannot be opened, or is something else.</exception>
    public Database(string path, string schema)
    {
        _path = path;
        var settings = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = LockSeconds };
        _connection = new SqliteConnection(settings.ToString());
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            _connection.Open();
            Execute("PRAGMA journal_mode = WAL");
            Execute("PRAGMA synchronous = FULL");
            Execute(schema);
        }
        catch (Exception error) when (error is SqliteException or JobFailedException or IOException or UnauthorizedAccessException)
        {
            _connection.Dispose();
            throw new OptionsException((error as SqliteException ?? error.InnerException as SqliteException)?.SqliteErrorCode == NotADatabase
                ? new Problem(path, "this is not a database of annotations", "a file that data annotate has made, or a new name for --db")
                : new Problem(path, "the database cannot be opened", "a file in a folder that may be written", (error.InnerException ?? error).Message));
        }
    }

    /// <summary>Does something of which all or nothing is kept, and which no other process comes between.</summary>
    /// <param name="action">The work.</param>
    /// <returns>What it gives.</returns>
    /// <exception cref="JobFailedException">The file cannot be used any more.</exception>
    public T Change<T>(Func<T> action) => Use(() =>
    {
        using var transaction = _transaction = _connection.BeginTransaction();
        try
        {
            var result = action();
            transaction.Commit();
            return result;
        }
        finally
        {
            _transaction = null;
        }
    });

    /// <summary>Runs a statement.</summary>
    /// <param name="sql">The statement, with ?1, ?2 for the values.</param>
    /// <param name="values">The values.</param>
    /// <exception cref="JobFailedException">The file cannot be used any more.</exception>
    public void Execute(string sql, params object?[] values) => Use(() =>
    {
        using var command = Command(sql, values);
        return command.ExecuteNonQuery();
    });

    /// <summary>Runs a query.</summary>
    /// <param name="read">Makes something of a row.</param>
    /// <param name="sql">The query, with ?1, ?2 for the values.</param>
    /// <param name="values">The values.</param>
    /// <returns>What was made, of every row.</returns>
    /// <exception cref="JobFailedException">The file cannot be used any more.</exception>
    public IReadOnlyList<T> Query<T>(Func<SqliteDataReader, T> read, string sql, params object?[] values) => Use(() =>
    {
        using var command = Command(sql, values);
        using var reader = command.ExecuteReader();
        var found = new List<T>();
        while (reader.Read())
        {
            found.Add(read(reader));
        }

        return found;
    });

    /// <summary>The one number that a query gives; null for none.</summary>
    public long? Number(string sql, params object?[] values) =>
        Query(reader => reader.IsDBNull(0) ? (long?)null : reader.GetInt64(0), sql, values) is [var number, ..] ? number : null;

    public void Dispose() => _connection.Dispose();

    private T Use<T>(Func<T> work)
    {
        lock (_gate)
        {
            try
            {
                return work();
            }
            catch (SqliteException error)
            {
                throw new JobFailedException(new Problem(_path, "the database cannot be used", Found: error.Message.TrimEnd('.')), error);
            }
        }
    }

    private SqliteCommand Command(string sql, object?[] values)
    {
        var command = _connection.CreateCommand();
        (command.CommandText, command.Transaction) = (sql, _transaction);
        foreach (var (at, value) in values.Index())
        {
            command.Parameters.Add(new SqliteParameter($"?{at + 1}", value ?? DBNull.Value));
        }

        return command;
    }
}
