namespace Guanxi.Cli;

/// <summary>Messages on standard error; on a terminal also a last line that is written over as work goes on.</summary>
internal sealed class StatusLine : IDisposable
{
    private const string BackToStart = "\r\u001b[K";
    private const int UsualWidth = 80;

    private readonly TextWriter _error;
    private readonly bool _isTerminal;
    private bool _isShown;

    /// <summary>Speaks on standard error.</summary>
    public StatusLine()
        : this(Console.Error, !Console.IsErrorRedirected)
    {
    }

    private StatusLine(TextWriter error, bool isTerminal) => (_error, _isTerminal) = (error, isTerminal);

    /// <summary>Says nothing: for a process beside which another speaks.</summary>
    public static StatusLine Silent { get; } = new(TextWriter.Null, isTerminal: false);

    /// <summary>Writes a line that stays.</summary>
    public void Say(string text)
    {
        Clear();
        _error.WriteLine(text);
    }

    /// <summary>Writes over the last line; does nothing where standard error is no terminal.</summary>
    public void Show(string text)
    {
        if (_isTerminal)
        {
            // A line that wraps could not be written over; a terminal that does not say its width has the usual one.
            var width = Console.WindowWidth > 1 ? Console.WindowWidth : UsualWidth;
            _error.Write(BackToStart + text[..Math.Min(text.Length, width - 1)]);
            _isShown = true;
        }
    }

    /// <summary>Shows how many rows are done.</summary>
    public void ShowRows(int done, int all) => Show($"{done} of {all} rows");

    /// <summary>Takes the last line away.</summary>
    public void Dispose() => Clear();

    private void Clear()
    {
        if (_isShown)
        {
            _error.Write(BackToStart);
            _isShown = false;
        }
    }
}
