using System.Diagnostics;

namespace Guanxi.Cli.Ranks;

/// <summary>A rank that this program has started on this machine. What rank 0 says is shown; of the others the last lines are kept.</summary>
internal sealed class RankProcess : IDisposable
{
    private const int KeptLines = 20;
    private const int SignalBase = 128;

    private readonly Process _process;
    private readonly Queue<string> _said = new();

    private RankProcess(Process process, int rank)
    {
        (_process, Rank) = (process, rank);
        Ended = process.WaitForExitAsync();
    }

    /// <summary>Number of the rank.</summary>
    public int Rank { get; }

    /// <summary>Done when the process has ended.</summary>
    public Task Ended { get; }

    /// <summary>Its exit code, once it has ended.</summary>
    public int Code => _process.ExitCode;

    /// <summary>When it ended.</summary>
    public DateTime Time => _process.ExitTime;

    /// <summary>Whether it failed: neither done nor stopped when asked.</summary>
    public bool HasFailed => Ended.IsCompleted && Code is not (ExitCode.Done or ExitCode.Stopped);

    /// <summary>Whether a signal ended it.</summary>
    public bool WasKilled => HasFailed && Code > SignalBase;

    /// <summary>What became of it, in a sentence.</summary>
    public string Fate => WasKilled
        ? $"it was ended by signal {Code - SignalBase}{(Code == SignalBase + 9 ? " (kill -9, or the system had no memory left)" : string.Empty)}"
        : $"it failed with exit code {Code}";

    /// <summary>Its last words; empty for a rank whose words were shown.</summary>
    public IReadOnlyList<string> LastWords
    {
        get
        {
            lock (_said)
            {
                return [.. _said];
            }
        }
    }

    /// <summary>Starts the program again, as a rank.</summary>
    /// <param name="words">Its words.</param>
    /// <param name="variables">Its variables.</param>
    /// <param name="rank">Its number.</param>
    /// <param name="isShown">Whether it may write to this program's outputs.</param>
    public static RankProcess Start(IEnumerable<string> words, IEnumerable<KeyValuePair<string, string>> variables, int rank, bool isShown)
    {
        var start = OwnProgram.Start(words);
        (start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError) = (true, !isShown, !isShown);
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        var started = new RankProcess(process, rank);
        if (!isShown)
        {
            process.ErrorDataReceived += (_, line) => started.Keep(line.Data);
            process.BeginErrorReadLine();
            process.BeginOutputReadLine();
        }

        return started;
    }

    /// <summary>Asks it to save and stop: the end of its input, which comes as well when this program is killed.</summary>
    public void Stop() => _process.StandardInput.Close();

    /// <summary>Ends it at once.</summary>
    public void Kill() => _process.Kill();

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_said)
        {
            _said.Enqueue(line);
            if (_said.Count > KeptLines)
            {
                _said.Dequeue();
            }
        }
    }
}
