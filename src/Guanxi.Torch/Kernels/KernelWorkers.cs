using System.Runtime.ExceptionServices;

namespace Guanxi.Torch.Kernels;

/// <summary>Numbered parts that several threads take in turn.</summary>
internal abstract class KernelJob(long parts)
{
    private readonly long _parts = parts;
    private long _taken;
    private long _unfinished = parts;
    private int _helpers;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Takes and runs parts until none is left.</summary>
    public void Work()
    {
        for (long part; (part = Interlocked.Increment(ref _taken) - 1) < _parts;)
        {
            try
            {
                // After a failure the remaining parts are only counted off.
                if (Volatile.Read(ref _failure) is null)
                {
                    RunPart(part);
                }
            }
            // Of whatever kind: the caller's thread throws it again.
            catch (Exception exception)
            {
                Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
            }

            Interlocked.Decrement(ref _unfinished);
        }
    }

    /// <summary>Whether one more helper may join.</summary>
    /// <param name="limit">Helpers allowed.</param>
    /// <returns>True for the first <paramref name="limit"/> calls.</returns>
    public bool Admit(int limit) => Interlocked.Increment(ref _helpers) <= limit;

    /// <summary>Waits for parts that others have begun, then throws what any part threw first.</summary>
    public void Finish()
    {
        var wait = default(SpinWait);
        while (Volatile.Read(ref _unfinished) != 0)
        {
            // Never the one-millisecond sleep that SpinWait escalates to.
            wait.SpinOnce(sleep1Threshold: -1);
        }

        _failure?.Throw();
    }

    /// <summary>Runs one part.</summary>
    /// <param name="part">Number of the part.</param>
    protected abstract void RunPart(long part);
}

/// <summary>Background threads that help with one <see cref="KernelJob"/> at a time.</summary>
internal static class KernelWorkers
{
    // About 20 microseconds: kernels that follow one another find the helpers awake, and libtorch's own threads soon get the processors.
    private const int SpinsBeforeSleep = 400;

    private static readonly Lock s_starting = new();
    private static readonly object s_gate = new();
    private static KernelJob? s_job;
    private static int s_limit;
    private static long s_generation;
    private static int s_started;

    /// <summary>Runs a job on the calling thread and on helpers. One call at a time.</summary>
    /// <param name="job">The job.</param>
    /// <param name="helpers">Most helpers to use.</param>
    public static void Do(KernelJob job, int helpers)
    {
        Start(helpers);
        lock (s_gate)
        {
            s_job = job;
            s_limit = helpers;
            Volatile.Write(ref s_generation, s_generation + 1);
            Monitor.PulseAll(s_gate);
        }

        job.Work();
        Volatile.Write(ref s_job, null);
        job.Finish();
    }

    private static void Start(int wanted)
    {
        if (Volatile.Read(ref s_started) >= wanted)
        {
            return;
        }

        lock (s_starting)
        {
            for (; s_started < wanted; s_started++)
            {
                new Thread(Serve) { IsBackground = true, Name = $"kernel {s_started + 1}" }.Start();
            }
        }
    }

    private static void Serve()
    {
        for (long seen = 0; ;)
        {
            seen = Await(seen);
            var limit = Volatile.Read(ref s_limit);
            var job = Volatile.Read(ref s_job);
            if (job is not null && job.Admit(limit))
            {
                job.Work();
            }
        }
    }

    private static long Await(long seen)
    {
        for (var spin = 0; spin < SpinsBeforeSleep; spin++)
        {
            var now = Volatile.Read(ref s_generation);
            if (now != seen)
            {
                return now;
            }

            Thread.SpinWait(1);
        }

        lock (s_gate)
        {
            while (s_generation == seen)
            {
                Monitor.Wait(s_gate);
            }

            return s_generation;
        }
    }
}
