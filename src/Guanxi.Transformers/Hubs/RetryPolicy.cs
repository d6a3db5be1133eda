using System.Net.Http.Headers;

namespace Guanxi.Transformers.Hubs;

/// <summary>A request failed in a way that may pass: a cut connection, a busy or ailing hub.</summary>
/// <param name="problem">What to tell when trying again did not help.</param>
/// <param name="wait">How long the hub asks to wait; null when it does not say.</param>
/// <param name="inner">What the network said.</param>
internal sealed class HubInterruption(Problem problem, TimeSpan? wait, Exception? inner) : Exception(problem.ToString(), inner)
{
    /// <summary>What to tell when trying again did not help.</summary>
    public Problem Problem { get; } = problem;

    /// <summary>How long the hub asks to wait.</summary>
    public TimeSpan? Wait { get; } = wait;
}

/// <summary>Tries again what may pass, waiting longer each time.</summary>
/// <param name="time">The clock that waits.</param>
/// <param name="note">Told of every failure that is tried again.</param>
internal sealed class RetryPolicy(TimeProvider time, Action<string> note)
{
    /// <summary>Failures in a row, without a byte gained between them, after which the last one is told.</summary>
    public const int MostFailures = 5;

    // Hubs count requests in windows of five minutes; who asks for more has shut the user out.
    private static readonly TimeSpan s_longestWait = TimeSpan.FromMinutes(10);

    /// <summary>The clock.</summary>
    public TimeProvider Time => time;

    /// <summary>How long a busy hub asks to wait.</summary>
    /// <param name="header">Its header, in seconds or as a date; null for none.</param>
    /// <returns>The time, or null.</returns>
    public TimeSpan? WaitOf(RetryConditionHeaderValue? header)
    {
        var wait = header?.Delta ?? (header?.Date is { } date ? date - time.GetUtcNow() : null);
        return wait is null ? null : wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    /// <summary>Runs something until it succeeds or fails for good.</summary>
    /// <param name="attempt">One attempt; a failure that may pass is a <see cref="HubInterruption"/>.</param>
    /// <param name="gained">What has been reached so far: an attempt that got further than all before it begins the count anew.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="CheckpointException">It failed too often, or the hub wants to be left alone for too long.</exception>
    public async Task<T> RunAsync<T>(Func<Task<T>> attempt, Func<long> gained, CancellationToken stop)
    {
        var (failures, furthest) = (0, gained());
        while (true)
        {
            try
            {
                return await attempt().ConfigureAwait(false);
            }
            catch (HubInterruption failure)
            {
                var reached = gained();
                failures = reached > furthest ? 1 : failures + 1;
                furthest = Math.Max(furthest, reached);
                var wait = failure.Wait is { Ticks: > 0 } asked ? asked : TimeSpan.FromSeconds(1 << (failures - 1));
                if (failures >= MostFailures || wait > s_longestWait)
                {
                    throw new CheckpointException(failure.Problem, failure);
                }

                note($"{failure.Problem.Where}: {failure.Problem.What}; trying again in {Math.Ceiling(wait.TotalSeconds):0} s");
                await Task.Delay(wait, time, stop).ConfigureAwait(false);
            }
        }
    }
}
