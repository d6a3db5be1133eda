using System.Net;
using System.Net.Sockets;

namespace Guanxi.Cli.Ranks;

/// <summary>What is said of the ranks of a verb.</summary>
/// <param name="Stopping">At the first signal.</param>
/// <param name="Hint">What to do when a rank was lost.</param>
internal sealed record RankWords(string Stopping, string Hint);

/// <summary>Starts the ranks of this machine, watches them, and ends all when one fails.</summary>
internal static class RankLauncher
{
    // Those that are left learn by themselves that one was lost, and say so.
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(10);

    /// <summary>Runs all ranks to their end.</summary>
    /// <param name="call">The call, its verb first, without the words that ask for ranks.</param>
    /// <param name="words">What to say.</param>
    /// <param name="launch">How many, and where they meet.</param>
    /// <param name="status">Where to speak.</param>
    /// <returns>The exit code: that of the ranks, or of the first that failed.</returns>
    public static int Run(IReadOnlyList<string> call, RankWords words, RankLaunch launch, StatusLine status)
    {
        // A signal comes on a thread of its own, also while ranks are being started or let go.
        var (ranks, gate) = (new List<RankProcess>(), new Lock());
        void Each(Action<RankProcess> act)
        {
            lock (gate)
            {
                ranks.ForEach(act);
            }
        }

        using var stop = new StopSignals(() => status.Say(words.Stopping), () => Each(rank => rank.Kill()));
        try
        {
            var port = launch.Port > 0 ? launch.Port : FreePort();
            for (var local = 0; local < launch.Processes; local++)
            {
                var rank = (launch.Machine * launch.Processes) + local;
                lock (gate)
                {
                    ranks.Add(RankProcess.Start(call, launch.Variables(local, port), rank, isShown: local == 0));
                }
            }

            using var stopping = stop.Token.Register(() => Each(rank => rank.Stop()));
            return Watch(ranks, $"guanxi {call[0]}", words.Hint, status);
        }
        finally
        {
            lock (gate)
            {
                ranks.ForEach(rank => rank.Dispose());
                ranks.Clear();
            }
        }
    }

    private static int Watch(List<RankProcess> ranks, string verb, string hint, StatusLine status)
    {
        while (ranks.Where(rank => !rank.Ended.IsCompleted).Select(rank => rank.Ended).ToArray() is { Length: > 0 } running && !ranks.Any(rank => rank.HasFailed))
        {
            _ = Task.WaitAny(running);
        }

        if (!ranks.Any(rank => rank.HasFailed))
        {
            return ranks[0].Code;
        }

        _ = Task.WaitAll([.. ranks.Select(rank => rank.Ended)], s_lastWords);
        var cause = ranks.Where(rank => rank.HasFailed).OrderBy(rank => rank.WasKilled ? 0 : 1).ThenBy(rank => rank.Time).First();
        foreach (var rank in ranks.Where(rank => !rank.Ended.IsCompleted))
        {
            status.Say($"rank {rank.Rank} does not end by itself: it is killed");
            rank.Kill();
        }

        foreach (var line in cause.LastWords)
        {
            status.Say($"rank {cause.Rank}: {line}");
        }

        status.Say($"{verb}: rank {cause.Rank}: {cause.Fate}; all ranks have been ended. {hint}");
        return cause.WasKilled ? ExitCode.Failed : cause.Code;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
