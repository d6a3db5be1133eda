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
            _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
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
        var line = Encoding.UTF8.GetBytes(RowText.JsonLines([row]));
        lock (_gate)
        {
            // Others may have written, or cut it off, since the last time.
            var start = _file.Seek(0, SeekOrigin.End);
            try
            {
                _file.Write(line);
            }
            catch (IOException)
            {
                _file.SetLength(start);
                throw;
            }
        }
    }

    public void Dispose() => _file.Dispose();
}
