namespace Guanxi.Cli;

/// <summary>
/// The rows that a verb gives, one JSON object a line on standard output. With <c>--json</c> they are written once more as one object,
/// or, to standard output, only so.
/// </summary>
/// <param name="json">Where the one object goes.</param>
internal sealed class RowOutput(JsonOutput json)
{
    private readonly List<string> _rows = [];

    /// <summary>Gives a row.</summary>
    /// <param name="row">One line of JSON.</param>
    public void Write(string row)
    {
        if (!json.IsToStandardOutput)
        {
            Console.Out.WriteLine(row);
        }

        if (json.IsWanted)
        {
            _rows.Add(row);
        }
    }

    /// <summary>Lets whoever reads see what was given so far.</summary>
    public static void Flush() => Console.Out.Flush();

    /// <summary>Ends the rows.</summary>
    /// <param name="isSingle">Whether the call was about one row, which then is the object itself.</param>
    public void Finish(bool isSingle) => json.Write(isSingle && _rows is [var only] ? only : "{\"rows\": [" + string.Join(", ", _rows) + "]}");
}
