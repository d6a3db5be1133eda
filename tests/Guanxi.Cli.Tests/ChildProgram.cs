using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests;

/// <summary>The built program as a user starts it: a process of its own.</summary>
internal sealed partial class ChildProgram : IDisposable
{
    /// <summary>Ends a process at once.</summary>
    public const int KillSignal = 9;

    /// <summary>Stops a process where it stands.</summary>
    public const int StopSignal = 19;

    /// <summary>What Ctrl-C sends.</summary>
    public const int InterruptSignal = 2;

    /// <summary>Asks a process to end.</summary>
    public const int TerminateSignal = 15;

    private const int MostAttempts = 5;

    // Only a program that hangs takes so long, however slow the machine.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan s_glance = TimeSpan.FromSeconds(1);

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Process _process;
    private readonly StringBuilder _error = new();
    private readonly Task<byte[]> _output;
    private readonly SemaphoreSlim _errorLine = new(0);

    private ChildProgram(Process process, string input)
    {
        _process = process;
        _output = ReadOutput();
        process.ErrorDataReceived += (_, line) => AddErrorLine(line.Data);
        process.BeginErrorReadLine();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
    }

    /// <summary>Runs the program to its end.</summary>
    public static ProgramResult Run(params string[] words) => RunWith("", [], words);

    /// <summary>Runs the program to its end with something on standard input and in its environment.</summary>
    public static ProgramResult RunWith(string input, Dictionary<string, string> environment, params string[] words)
    {
        using var child = Start(input, environment, words);
        return child.WaitForEnd();
    }

    /// <summary>Runs the program with its output led elsewhere.</summary>
    /// <param name="redirection">What a shell would have behind the call.</param>
    /// <param name="words">The call.</param>
    public static ProgramResult RunInto(string redirection, params string[] words)
    {
        using var child = StartAs("bash", ["-c", $"set -o pipefail; dotnet \"$@\" {redirection}", "bash", Library, .. words], "", []);
        return child.WaitForEnd();
    }

    /// <summary>Starts the program.</summary>
    public static ChildProgram Start(string input, Dictionary<string, string> environment, params string[] words) =>
        StartAs("dotnet", [Library, .. words], input, environment);

    /// <summary>Starts the program in a network namespace, which stands for a host of its own.</summary>
    public static ChildProgram StartIn(string network, params string[] words) => StartAs("ip", ["netns", "exec", network, "dotnet", Library, .. words], "", []);

    private static string Library => Path.Combine(AppContext.BaseDirectory, "guanxi.dll");

    private static ChildProgram StartAs(string program, string[] words, string input, Dictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, words)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = s_utf8,
            StandardErrorEncoding = s_utf8,
            WorkingDirectory = Golden.RepositoryRoot,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new ChildProgram(Process.Start(start)!, input);
    }

    /// <summary>Waits until standard error has had a line that begins so.</summary>
    public void WaitForErrorLine(string beginning) => Assert.True(TryWaitForErrorLine(beginning), $"no line begins with '{beginning}':\n{_error}");

    /// <summary>The same; false when the program ends without it.</summary>
    public bool TryWaitForErrorLine(string beginning)
    {
        var deadline = Stopwatch.StartNew();
        while (!HasErrorLine(beginning))
        {
            // In short waits: a program that ends says no more.
            var hasEnded = _process.HasExited;
            if ((!_errorLine.Wait(s_glance) && hasEnded) || deadline.Elapsed > s_patience)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Ends the program at once and waits for that; false when it had ended before.</summary>
    public bool TryKill()
    {
        _process.Kill();
        _process.WaitForExit();
        return _process.ExitCode == 128 + KillSignal;
    }

    /// <summary>Calls that are stopped by a signal, tried until the signal comes in time: on a machine with much to do a call may end before.</summary>
    /// <param name="attempt">Makes the calls in a folder of the name that it is given; false when one had ended by itself.</param>
    /// <returns>The name of the folder.</returns>
    public static string Stopped(Func<string, bool> attempt)
    {
        var name = Enumerable.Range(1, MostAttempts).Select(number => $"stopped{number}").FirstOrDefault(attempt);
        Assert.True(name is not null, $"the signal was ignored {MostAttempts} times");
        return name;
    }

    /// <summary>Trains until the program says something, stops it by a signal and looks at what it then says.</summary>
    /// <returns>False when it had ended by itself.</returns>
    public static bool TryStop(string[] call, string line, int signal, string told)
    {
        using var child = Start("", [], call);
        child.WaitForErrorLine(line);
        child.Send(signal);
        var ended = child.WaitForEnd();
        if (ended.ExitCode == ExitCode.Done)
        {
            return false;
        }

        ended.Expect(ExitCode.Stopped);
        Assert.Contains(told, ended.Error, StringComparison.Ordinal);
        Assert.Contains(": stopped after step", ended.Output, StringComparison.Ordinal);
        return true;
    }

    /// <summary>Sends SIGTERM.</summary>
    public void SendTerminate() => Send(TerminateSignal);

    /// <summary>Sends what Ctrl-C sends.</summary>
    public void SendInterrupt() => Send(InterruptSignal);

    /// <summary>Sends a signal.</summary>
    public void Send(int signal) => Send(_process.Id, signal);

    /// <summary>Sends a signal to a process that this one has started.</summary>
    public static void Send(int process, int signal) => Assert.Equal(0, Kill(process, signal));

    /// <summary>Processes that the program has started, in that order.</summary>
    public IReadOnlyList<int> Children() =>
    [
        .. Directory.GetDirectories($"/proc/{_process.Id}/task").SelectMany(task => File.ReadAllText($"{task}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(int.Parse).Order(),
    ];

    /// <summary>Looks on until the program ends.</summary>
    /// <param name="patience">Longest time.</param>
    /// <returns>Most bytes that were resident at once, as the kernel counts them.</returns>
    public long WatchPeakBytes(TimeSpan patience)
    {
        var (deadline, peak) = (Stopwatch.StartNew(), 0L);
        while (!_process.WaitForExit(TimeSpan.FromMilliseconds(200)) && deadline.Elapsed < patience)
        {
            peak = ResidentMemory.PeakBytes(_process.Id) ?? peak;
        }

        return peak;
    }

    public ProgramResult WaitForEnd()
    {
        Assert.True(_process.WaitForExit(s_patience), $"the program does not end:\n{_error}");
        _process.WaitForExit();
        return new ProgramResult(_process.ExitCode, _output.Result, _error.ToString());
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
        _errorLine.Dispose();
    }

    private async Task<byte[]> ReadOutput()
    {
        using var buffer = new MemoryStream();
        await _process.StandardOutput.BaseStream.CopyToAsync(buffer);
        return buffer.ToArray();
    }

    private void AddErrorLine(string? line)
    {
        if (line is not null)
        {
            lock (_error)
            {
                _error.Append(line).Append('\n');
            }

            _errorLine.Release();
        }
    }

    private bool HasErrorLine(string beginning)
    {
        lock (_error)
        {
            return _error.ToString().Split('\n').Any(line => line.StartsWith(beginning, StringComparison.Ordinal));
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
