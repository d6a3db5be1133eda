using System.Text;

namespace Guanxi.Cli;

/// <summary>Standard output and error in UTF-8 without byte order mark and with line feeds, whatever the locale says.</summary>
internal sealed class StandardStreams : IDisposable
{
    private const int BufferBytes = 1 << 16;

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly StreamWriter _output = new(Console.OpenStandardOutput(), s_utf8, BufferBytes) { NewLine = "\n" };
    private readonly StreamWriter _error = new(Console.OpenStandardError(), s_utf8) { NewLine = "\n", AutoFlush = true };

    /// <summary>Makes <see cref="Console.Out"/> and <see cref="Console.Error"/> write to them.</summary>
    public StandardStreams()
    {
        Console.SetOut(_output);
        Console.SetError(_error);
    }

    public void Dispose()
    {
        foreach (var stream in (StreamWriter[])[_output, _error])
        {
            try
            {
                stream.Dispose();
            }
            catch (IOException)
            {
                // ErrorBoundary has flushed them before and told of it.
            }
        }
    }
}
