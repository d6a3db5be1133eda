using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Cli;

/// <summary>Reads JSONL rows of a verb from a file or from standard input; every bad row is told with line and column.</summary>
internal static class InputRows
{
    private const string StandardInput = "-";

    /// <summary>Reads all rows.</summary>
    /// <param name="source">A file, or <c>-</c>.</param>
    /// <param name="read">Makes a row of a JSON object, or null after noting what is wrong with it.</param>
    /// <returns>The rows, at least one.</returns>
    /// <exception cref="OptionsException">The source cannot be read, has no row, or has bad ones.</exception>
    public static IReadOnlyList<T> Read<T>(string source, Func<JsonRow, T?> read)
        where T : class, IExample
    {
        var (stream, name) = Open(source);
        using (stream)
        {
            var (rows, problems) = (new List<T>(), new List<Problem>());
            foreach (var line in new TextLines(stream, name).Read())
            {
                ReadLine(line, name, read, rows, problems);
            }

            if (problems.Count > 0)
            {
                throw new OptionsException(Problem.First(problems, name));
            }

            return rows.Count > 0 ? rows : throw new OptionsException(new Problem(name, "there is no row", "one JSON object a line"));
        }
    }

    /// <summary>Opens a file or standard input.</summary>
    /// <param name="source">A file, or <c>-</c>.</param>
    /// <returns>The stream and what to call it in messages.</returns>
    /// <exception cref="OptionsException">The file cannot be opened.</exception>
    public static (Stream Stream, string Name) Open(string source) =>
        source == StandardInput ? (Console.OpenStandardInput(), "stdin") : (TextFile.Open(source), source);

    private static void ReadLine<T>(TextLine line, string name, Func<JsonRow, T?> read, List<T> rows, List<Problem> problems)
        where T : class, IExample
    {
        if (line.Problem is not null)
        {
            problems.Add(line.Problem.ToProblem());
        }
        else if (!string.IsNullOrWhiteSpace(line.Text))
        {
            var row = JsonRow.Read(line, new SourcePlace(name, line.Number, rows.Count + 1), json => json.Finish(read(json)));
            problems.AddRange(row.Problems.Select(problem => problem.ToProblem()));
            if (row.Example is T example)
            {
                rows.Add(example);
            }
        }
    }
}
