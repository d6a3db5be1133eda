using System.Text;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Cli.Server;

/// <summary>Corrected rows, one JSON object a line, in the form that <c>train</c> reads.</summary>
internal sealed class FeedbackFile : IDisposable
{
    private readonly Lock _gate = new();
    private readonly FileStream _file;

    /// <summary>Opens the file, or makes it.</summary>
    /// <exception cref="OptionsException">It cannot be written.</exception>
    public FeedbackFile(string path)
    {
        try
        {
            _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException(new Problem("--feedback", "the file cannot be written", "a file in a folder that is there", $"'{path}' ({error.Message})"));
        }
    }

    /// <summary>Appends a row; when this returns, the system has it.</summary>
    /// <exception cref="IOException">There is no room.</exception>
    public void Append(RelationExample row)
    {
        var json = new JsonLineWriter().StartObject()
            .Name(RelationInput.TextField).Value(row.Text)
            .Name(RelationInput.Person1Field).Value(row.Person1)
            .Name(RelationInput.Person2Field).Value(row.Person2)
            .Name(RelationInput.LabelField).Value(row.Label);
        Write(json, RelationInput.Span1Field, row.Span1);
        Write(json, RelationInput.Span2Field, row.Span2);
        var line = Encoding.UTF8.GetBytes(json.EndObject() + "\n");
        lock (_gate)
        {
            // In one write, so that no reader and no other process sees half a line.
            _file.Write(line);
        }
    }

    public void Dispose() => _file.Dispose();

    private static void Write(JsonLineWriter json, string name, TextSpan? span)
    {
        if (span is { } given)
        {
            json.Name(name).StartArray().Value(given.Start).Value(given.End).EndArray();
        }
    }
}
