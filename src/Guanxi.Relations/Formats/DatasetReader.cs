using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>Reads data of any form that is recognised by its content; the file's name does not matter.</summary>
public static class DatasetReader
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">A UTF-8 file.</param>
    /// <param name="options">How to treat bad rows and labels.</param>
    /// <returns>All rows and what they are.</returns>
    /// <exception cref="OptionsException">
    /// The file cannot be read or is of no known form; or it has no row; or, in strict reading, there are bad rows: each with line and
    /// column, the first 20 in full.
    /// </exception>
    public static Dataset Read(string path, DatasetReadOptions options)
    {
        using var data = Open(path, options);
        return Collect(data, options);
    }

    /// <summary>Reads a stream, e.g. standard input.</summary>
    /// <param name="stream">UTF-8 text; it stays open.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="options">How to treat bad rows and labels.</param>
    /// <returns>All rows and what they are.</returns>
    /// <exception cref="OptionsException">As for a file.</exception>
    public static Dataset Read(Stream stream, string name, DatasetReadOptions options)
    {
        using var data = Open(stream, name, options);
        return Collect(data, options);
    }

    /// <summary>Opens a file to take its rows one by one.</summary>
    /// <param name="path">A UTF-8 file.</param>
    /// <param name="options">How to treat labels; bad rows are always handed out with their problems.</param>
    /// <returns>The open data; it closes the file when disposed.</returns>
    /// <exception cref="OptionsException">The file cannot be read or is of no known form.</exception>
    public static OpenDataset Open(string path, DatasetReadOptions options)
    {
        var stream = TextFile.Open(path);
        try
        {
            return new OpenDataset(stream, path, options, ownsStream: true);
        }
        catch (OptionsException)
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Takes the rows of a stream one by one.</summary>
    /// <param name="stream">UTF-8 text; it stays open.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="options">How to treat labels; bad rows are always handed out with their problems.</param>
    /// <returns>The open data.</returns>
    /// <exception cref="OptionsException">The stream cannot be read or is of no known form.</exception>
    public static OpenDataset Open(Stream stream, string name, DatasetReadOptions options) => new(stream, name, options, ownsStream: false);

    internal static Dataset Collect(OpenDataset data, DatasetReadOptions options)
    {
        var examples = new List<IExample>();
        var problems = new List<RowProblem>();
        var badRows = 0;
        foreach (var row in data.Rows())
        {
            if (row.Example is not null)
            {
                examples.Add(row.Example);
            }

            badRows += row.Problems.Count > 0 ? 1 : 0;
            problems.AddRange(row.Problems);
        }

        if (problems.Count > 0 && (!options.Lenient || examples.Count == 0))
        {
            throw new OptionsException(Problem.First([.. problems.Select(problem => problem.ToProblem())], $"{data.Name}, {badRows} bad rows"));
        }

        return examples.Count > 0
            ? new Dataset(data.Name, data.Format, examples, problems)
            : throw new OptionsException(new Problem(data.Name, "there is no row of data"));
    }
}
