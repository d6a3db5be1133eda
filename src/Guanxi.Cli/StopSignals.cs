using System.Runtime.InteropServices;

namespace Guanxi.Cli;

/// <summary>Turns the first Ctrl-C or SIGTERM into a request to stop; the second is left to the system, which ends the process.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly Action _asked;
    private readonly Action _askedAgain;
    private int _count;

    /// <summary>Begins to listen.</summary>
    /// <param name="asked">Called at the first signal, on a thread of the runtime.</param>
    public StopSignals(Action asked)
        : this(asked, () => { })
    {
    }

    /// <summary>Begins to listen.</summary>
    /// <param name="asked">Called at the first signal, on a thread of the runtime.</param>
    /// <param name="askedAgain">Called at the second, before the process ends.</param>
    public StopSignals(Action asked, Action askedAgain)
    {
        (_asked, _askedAgain) = (asked, askedAgain);
        _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle)];
    }

    /// <summary>Set at the first signal.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>Waits for the first signal, without a thread.</summary>
    public async Task WaitAsync()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = Token.UnsafeRegister(_ => asked.TrySetResult(), null);
        await asked.Task;
    }

    /// <summary>Takes the end of standard input for a signal too: whoever started this process has closed it, or is gone.</summary>
    public void ListenToInput() => new Thread(() =>
    {
        while (Console.In.Read() >= 0)
        {
            // Whatever is written there means nothing.
        }

        Cancel();
    }) { IsBackground = true, Name = "end of input" }.Start();

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _stop.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        if (Interlocked.Increment(ref _count) == 1)
        {
            context.Cancel = true;
            _asked();
            Cancel();
        }
        else
        {
            _askedAgain();
        }
    }

    private void Cancel()
    {
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The work has ended before.
        }
    }
}
