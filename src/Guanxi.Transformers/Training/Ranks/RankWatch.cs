using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Guanxi.Transformers.Training.Ranks;

/// <summary>
/// Signs of life beside the exchanges: every process has a connection to rank 0, on which both send a line a second. So a process that was
/// killed, stopped or cut off is known by its number, and all others learn of it, while an exchange itself would only wait.
/// </summary>
internal sealed class RankWatch : IDisposable
{
    private const string Beat = "beat";
    private const string Done = "done";
    private const string Failed = "failed ";
    private const string Lost = "lost ";

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    private readonly RankPeer[] _peers;
    private readonly TimeSpan _silence;
    private readonly TaskCompletionSource<string> _verdict = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _lost = new();
    private readonly ManualResetEventSlim _ended = new();
    private int _hasLeft;

    private RankWatch(RankPeer[] peers, TimeSpan silence)
    {
        (_peers, _silence) = (peers, silence);
        foreach (var peer in peers)
        {
            Start(() => Watch(peer), $"watch of rank {peer.Rank}");
        }

        Start(SendBeats, "signs of life");
    }

    /// <summary>What became of the process that was lost; ends only then.</summary>
    public Task<string> Verdict => _verdict.Task;

    /// <summary>Set together with <see cref="Verdict"/>.</summary>
    public CancellationToken WhenLost => _lost.Token;

    /// <summary>Opens the place where the others come to, on rank 0.</summary>
    public static TcpListener Listen(IPAddress address)
    {
        var listener = new TcpListener(address, 0);
        listener.Start();
        return listener;
    }

    /// <summary>Waits for all others, on rank 0.</summary>
    /// <exception cref="RankLostException">They did not all come in time, or something else came.</exception>
    public static RankWatch Accept(TcpListener listener, int others, RankPatience patience)
    {
        var peers = new List<RankPeer>(others);
        using var deadline = new CancellationTokenSource(patience.Exchange);
        try
        {
            while (peers.Count < others)
            {
                peers.Add(new RankPeer(listener.AcceptTcpClientAsync(deadline.Token).AsTask().GetAwaiter().GetResult(), patience.Silence));
                Introduce(peers, others);
            }

            return new RankWatch([.. peers], patience.Silence);
        }
        catch (Exception error)
        {
            // Without all of them there is no watch, and those that came must not take this process for one that lives.
            peers.ForEach(peer => peer.Dispose());
            var told = error switch
            {
                OperationCanceledException => string.Create(
                    CultureInfo.InvariantCulture, $"only {peers.Count} of {others} other ranks came within {patience.Exchange.TotalSeconds:0.#} s"),
                TimeoutException => "a process came to the port of the ranks and did not say which it is",
                _ => null,
            };
            if (told is not null)
            {
                throw new RankLostException(told, error);
            }

            throw;
        }
    }

    /// <summary>Learns from the one that came last who it is.</summary>
    private static void Introduce(List<RankPeer> peers, int others)
    {
        var peer = peers[^1];
        var words = (peer.Receive() ?? string.Empty).Split(' ', 2);
        if (words.Length != 2 || !int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var rank))
        {
            throw new RankLostException("something else than a rank came to the port of the ranks");
        }

        if (rank < 1 || rank > others || peers.Exists(other => other.Rank == rank))
        {
            throw new RankLostException($"a process came as rank {rank}, where each of 1 to {others} must come once: {words[1]}");
        }

        (peer.Rank, peer.Name) = (rank, words[1]);
    }

    /// <summary>Comes to rank 0.</summary>
    public static RankWatch Connect(string host, int port, int rank, TimeSpan silence)
    {
        var peer = new RankPeer(new TcpClient(host, port), silence) { Rank = 0, Name = host };
        peer.Send($"{rank} {Environment.MachineName}, process {Environment.ProcessId}");
        return new RankWatch([peer], silence);
    }

    /// <summary>Says why this process ends before its time.</summary>
    public void TellFailure(string reason) => SendAll(Failed + reason);

    /// <summary>Says that this process is done: its going is no loss.</summary>
    public void Leave()
    {
        Volatile.Write(ref _hasLeft, 1);
        SendAll(Done);
    }

    public void Dispose()
    {
        _ended.Set();
        Array.ForEach(_peers, peer => peer.Dispose());
    }

    private static void Start(ThreadStart work, string name) => new Thread(work) { IsBackground = true, Name = name }.Start();

    private void SendBeats()
    {
        while (!_ended.Wait(s_interval))
        {
            SendAll(Beat);
        }
    }

    private void SendAll(string line) => Array.ForEach(_peers, peer => peer.Send(line));

    private void Watch(RankPeer peer)
    {
        var who = $"rank {peer.Rank} ({peer.Name})";
        try
        {
            var line = peer.Receive();
            while (line == Beat)
            {
                line = peer.Receive();
            }

            if (line is null)
            {
                Judge($"{who} was lost: its connection ended. It was killed, or its host went away");
            }
            else if (line.StartsWith(Failed, StringComparison.Ordinal))
            {
                Judge($"{who} failed: {line[Failed.Length..]}");
            }
            else if (line.StartsWith(Lost, StringComparison.Ordinal))
            {
                Judge(line[Lost.Length..]);
            }
        }
        catch (TimeoutException)
        {
            Judge(string.Create(
                CultureInfo.InvariantCulture, $"{who} has given no sign of life for {_silence.TotalSeconds:0.#} s: its process is stopped, or its host hangs or is cut off"));
        }
    }

    private void Judge(string verdict)
    {
        if (_ended.IsSet || Volatile.Read(ref _hasLeft) != 0 || !_verdict.TrySetResult(verdict))
        {
            return;
        }

        SendAll(Lost + verdict);
        _lost.Cancel();
    }
}
