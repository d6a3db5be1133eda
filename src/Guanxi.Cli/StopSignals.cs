using System.Runtime.InteropServices;

namespace Guanxi.Cli;

/// <summary>Turns the first Ctrl-C or SIGTERM into a request to stop; the second is left to the system, which ends the process.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly Action _asked;
    private int _count;

    /// <summary>Begins to listen.</summary>
    /// <param name="asked">Called at the first signal, on a thread of the runtime.</param>
    public StopSignals(Action asked)
    {
        _asked = asked;
        _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle)];
    }

    /// <summary>Set at the first signal.</summary>
    public CancellationToken Token => _stop.Token;

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
            _stop.Cancel();
        }
    }
}
