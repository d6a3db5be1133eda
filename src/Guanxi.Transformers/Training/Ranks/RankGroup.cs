using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Guanxi.Torch;

namespace Guanxi.Transformers.Training.Ranks;

/// <summary>
/// The processes that train one model together, each on rows of its own: data parallel over torch.distributed's c10d. Every method but
/// <see cref="TellFailure"/> is called by all of them in the same order. A process that is lost ends the call with its number.
/// </summary>
public sealed class RankGroup : IDisposable
{
    private const string Backend = "gloo";

    // The exchanges have no limit of their own: whoever waits here knows for how long, and the watch knows who lives.
    private static readonly TimeSpan s_unlimited = TimeSpan.FromDays(20);

    // For the watch to say who it was, after an exchange has failed.
    private static readonly TimeSpan s_verdict = TimeSpan.FromSeconds(5);

    private readonly ProcessGroup? _group;
    private readonly RankWatch? _watch;
    private readonly RankPatience _patience;
    private bool _isBroken;
    private bool _hasLeft;

    private RankGroup(RankPlace place, ProcessGroup? group, RankWatch? watch, RankPatience patience) =>
        (Place, _group, _watch, _patience) = (place, group, watch, patience);

    /// <summary>One process that trains alone.</summary>
    public static RankGroup Alone { get; } = new(new RankPlace(0, 1, 0, 1, string.Empty, 0), null, null, new RankPatience(s_unlimited, s_unlimited));

    /// <summary>Place of this process.</summary>
    public RankPlace Place { get; }

    /// <summary>Number of this process, from 0.</summary>
    public int Rank => Place.Rank;

    /// <summary>Number of processes.</summary>
    public int WorldSize => Place.WorldSize;

    /// <summary>Whether this is the process that reads and writes the run's folder.</summary>
    public bool IsFirst => Rank == 0;

    /// <summary>Set when a process was lost: what takes long should end.</summary>
    public CancellationToken WhenLost => _watch?.WhenLost ?? CancellationToken.None;

    /// <summary>Joins the group; returns when all have come.</summary>
    /// <param name="place">Place of this process.</param>
    /// <param name="patience">How long to wait for others.</param>
    /// <returns>The group.</returns>
    /// <exception cref="RankLostException">The others did not come in time.</exception>
    public static RankGroup Join(RankPlace place, RankPatience patience)
    {
        ArgumentNullException.ThrowIfNull(place);
        ArgumentNullException.ThrowIfNull(patience);
        if (place.WorldSize == 1)
        {
            return Alone;
        }

        ProcessGroup? group = null;
        try
        {
            group = ProcessGroup.Join(Backend, place.ToProcess(), patience.Exchange, s_unlimited);
            return new RankGroup(place, group, Watch(place, group, patience), patience);
        }
        catch (Exception error)
        {
            // Whatever kept the others away, the connections to those that came are closed.
            group?.Dispose();
            if (error is TorchException or SocketException)
            {
                throw new RankLostException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"rank {place.Rank} of {place.WorldSize} found not all others at {place.Host}, port {place.Port}: {error.Message}"),
                    error);
            }

            throw;
        }
    }

    /// <summary>Does what the processes came together for: all leave when it is done, and learn why when one of them fails.</summary>
    /// <typeparam name="T">What comes of it.</typeparam>
    /// <param name="work">This process's part.</param>
    /// <returns>What the work gives.</returns>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public T Run<T>(Func<T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        try
        {
            var result = work();
            Leave();
            return result;
        }
        catch (Exception error) when (TellFailure(error))
        {
            // Never comes here: the filter only tells the others.
            throw;
        }
    }

    /// <summary>Sets the threads of this process: as many as asked for, else its share of the processors; one alone keeps what it has.</summary>
    /// <param name="asked">How many; 0 leaves it to the group.</param>
    public void UseThreads(int asked)
    {
        if (asked > 0 || Place.LocalWorldSize > 1)
        {
            TorchRuntime.Threads = asked > 0 ? asked : Math.Max(1, Environment.ProcessorCount / Place.LocalWorldSize);
        }
    }

    /// <summary>The device of this process: among several, a kind without a number is the card of its place on the machine.</summary>
    /// <param name="named">The device that was named.</param>
    /// <param name="spelling">How: with or without a number.</param>
    /// <returns>That device, or this process's own.</returns>
    public Device OwnOf(Device named, string spelling)
    {
        ArgumentNullException.ThrowIfNull(spelling);
        return WorldSize > 1 && !named.IsCpu && !spelling.Contains(':', StringComparison.Ordinal) ? Device.Cuda(Place.LocalRank) : named;
    }

    /// <summary>Adds numbers over all processes.</summary>
    /// <param name="numbers">As many everywhere.</param>
    /// <returns>The sums; the same bits everywhere.</returns>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public double[] Sum(params ReadOnlySpan<double> numbers)
    {
        var own = numbers.ToArray();
        return _group is null ? own : Exchange(own, _group.AllReduce, _patience.Exchange);
    }

    /// <summary>Whether something holds in any of the processes.</summary>
    /// <param name="holds">Whether it does here.</param>
    /// <returns>The same everywhere.</returns>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public bool Any(bool holds) => Sum(holds ? 1 : 0)[0] > 0;

    /// <summary>Has rank 0 find numbers, for however long it takes, and tells them to all.</summary>
    /// <param name="count">How many numbers.</param>
    /// <param name="find">Finds them; called on rank 0 alone.</param>
    /// <returns>The numbers.</returns>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public double[] OfFirst(int count, Func<double[]> find)
    {
        ArgumentNullException.ThrowIfNull(find);
        var numbers = IsFirst ? find() : new double[count];
        return _group is null ? numbers : Exchange(numbers, tensor => _group.Broadcast(tensor, root: 0), s_unlimited);
    }

    /// <summary>Checks that all processes were started for the same run; where they were not, all have left with the same finding.</summary>
    /// <param name="facts">What must be the same, and a hash of it, 32 bytes.</param>
    /// <exception cref="OptionsException">A process has something else; all that differs is told.</exception>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public void RequireSame(IReadOnlyList<(string What, byte[] Hash)> facts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        if (_group is null)
        {
            return;
        }

        var hashes = GatherBytes([.. facts.SelectMany(fact => fact.Hash)]);
        var (problems, start) = (new List<Problem>(), 0);
        foreach (var (what, hash) in facts)
        {
            var range = start..(start += hash.Length);
            int[] others = [.. Enumerable.Range(1, WorldSize - 1).Where(rank => !hashes[rank][range].AsSpan().SequenceEqual(hashes[0][range]))];
            if (others.Length > 0)
            {
                problems.Add(new Problem(
                    $"rank {string.Join(", ", others)}", $"{what} differ from those of rank 0", Hint: "Give every rank the same call, files and program."));
            }
        }

        if (problems.Count > 0)
        {
            // All of them found the same. The first to go with it must not look lost to those that still read.
            Leave();
            throw new OptionsException(problems);
        }
    }

    /// <summary>Tells every process what all of them say.</summary>
    /// <param name="own">What this one says; however long, and however long the others take.</param>
    /// <returns>One text for every process, in the order of their numbers.</returns>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public string[] Gather(string own)
    {
        ArgumentNullException.ThrowIfNull(own);
        if (_group is null)
        {
            return [own];
        }

        var bytes = Encoding.UTF8.GetBytes(own);
        var sizes = new double[WorldSize];
        sizes[Rank] = bytes.Length;
        sizes = Exchange(sizes, _group.AllReduce, s_unlimited);
        Array.Resize(ref bytes, (int)sizes.Max() + 1);
        return [.. GatherBytes(bytes).Zip(sizes, (text, size) => Encoding.UTF8.GetString(text, 0, (int)size))];
    }

    /// <summary>Sums tensors over all processes, in place.</summary>
    /// <param name="tensors">Float32, contiguous, the same shapes everywhere, on any device.</param>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public void SumInPlace(IEnumerable<Tensor> tensors) => ExchangeInPlace(tensors, tensor => _group!.AllReduce(tensor));

    /// <summary>Sums tensors over all processes, in place, as they become ready; among several processes only.</summary>
    /// <param name="sizes">Elements of each, the same everywhere.</param>
    /// <param name="valuesOf">The values of one: Float32, contiguous, on any device.</param>
    /// <returns>What is told of those that are ready, and finished once the others are.</returns>
    internal FlatBuckets SumOf(IReadOnlyList<long> sizes, Func<int, Tensor> valuesOf) =>
        new(sizes, valuesOf, bucket => Begin(_group!.AllReduce(bucket), _patience.Exchange));

    /// <summary>Copies tensors of one process to all others, in place.</summary>
    /// <param name="tensors">Float32, contiguous, the same shapes everywhere, on any device.</param>
    /// <param name="owner">The process whose values go out.</param>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public void CopyInPlace(IEnumerable<Tensor> tensors, int owner) => ExchangeInPlace(tensors, tensor => _group!.Broadcast(tensor, owner));

    /// <summary>Copies a tensor of any type, however long its owner takes to come.</summary>
    /// <param name="tensor">Contiguous, of the same shape everywhere.</param>
    /// <param name="owner">The process whose values go out.</param>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public void CopyInPlace(Tensor tensor, int owner)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (_group is null)
        {
            return;
        }

        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var there = tensor.Detach().ToDevice(Device.Cpu);
        Wait(_group.Broadcast(there, owner), s_unlimited);
        if (!tensor.Device.IsCpu)
        {
            tensor.CopyInPlace(there);
        }
    }

    /// <summary>Ends work that would be for nothing, between two exchanges.</summary>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public void ThrowIfLost()
    {
        if (_watch is { Verdict: { IsCompleted: true } verdict })
        {
            _isBroken = true;
            throw new RankLostException(verdict.Result);
        }
    }

    /// <summary>Tells the others why this process ends before its time.</summary>
    /// <param name="error">The reason.</param>
    /// <returns>False, so that it can stand in an exception filter.</returns>
    public bool TellFailure(Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        if (error is not RankLostException && !_hasLeft)
        {
            _isBroken = true;
            _watch?.TellFailure(error.Message);
        }

        return false;
    }

    /// <summary>Waits until all are done, and says goodbye.</summary>
    /// <exception cref="RankLostException">A process was lost.</exception>
    public void Leave()
    {
        if (_group is not null)
        {
            _ = Exchange([0], _group.AllReduce, s_unlimited);
            _watch!.Leave();
            _hasLeft = true;
        }
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose()
    {
        if (_isBroken)
        {
            // An exchange may still be under way in libtorch, which would wait for it here and in the finalizer. The watch goes on telling.
            _group?.Abandon();
            return;
        }

        _watch?.Dispose();
        _group?.Dispose();
    }

    private static RankWatch Watch(RankPlace place, ProcessGroup group, RankPatience patience)
    {
        using var scope = TensorScope.Enter();
        using var listener = place.Rank == 0 ? RankWatch.Listen(place.Address()) : null;
        var port = Tensor.From<long>([listener is null ? 0 : ((System.Net.IPEndPoint)listener.LocalEndpoint).Port], 1);
        using (var pending = group.Broadcast(port, root: 0))
        {
            pending.Wait();
        }

        return listener is not null
            ? RankWatch.Accept(listener, place.WorldSize - 1, patience)
            : RankWatch.Connect(place.Host, (int)port.AsSpan<long>()[0], place.Rank, patience.Silence);
    }

    /// <summary>As many bytes of every process.</summary>
    private byte[][] GatherBytes(byte[] own)
    {
        using var scope = TensorScope.Enter();
        var all = Enumerable.Range(0, WorldSize).Select(_ => Tensor.Empty([own.Length], DType.UInt8, Device.Cpu)).ToArray();
        Wait(_group!.AllGather(Tensor.From<byte>(own, own.Length), all), s_unlimited);
        return [.. all.Select(tensor => tensor.AsSpan<byte>().ToArray())];
    }

    private double[] Exchange(double[] numbers, Func<Tensor, PendingExchange> begin, TimeSpan limit)
    {
        using var scope = TensorScope.Enter();
        var tensor = Tensor.From<double>(numbers, numbers.Length);
        Wait(begin(tensor), limit);
        return tensor.AsSpan<double>().ToArray();
    }

    private void ExchangeInPlace(IEnumerable<Tensor> tensors, Func<Tensor, PendingExchange> exchange)
    {
        if (_group is null)
        {
            return;
        }

        Tensor[] all = [.. tensors];
        using var buckets = new FlatBuckets(
            [.. all.Select(tensor => tensor.ElementCount)], index => all[index], bucket => Begin(exchange(bucket), _patience.Exchange));
        buckets.Finish();
    }

    private RankExchange Begin(PendingExchange pending, TimeSpan limit) => new(pending, ended => Wait(ended, limit));

    private void Wait(PendingExchange pending, TimeSpan limit)
    {
        using var exchange = Begin(pending, limit);
        exchange.Wait();
    }

    /// <summary>Waits for an exchange, but not for one that a lost process keeps from ending.</summary>
    private void Wait(Task exchange, TimeSpan limit)
    {
        ThrowIfLost();
        var ended = Task.WaitAny([exchange, _watch!.Verdict], limit);
        if (ended == 0 && exchange.IsCompletedSuccessfully)
        {
            return;
        }

        _isBroken = true;
        if (ended == 0)
        {
            // A connection that breaks is noticed here first; who it was is known a moment later.
            _ = Task.WaitAny([_watch.Verdict], s_verdict);
        }

        throw new RankLostException(
            _watch.Verdict.IsCompleted ? _watch.Verdict.Result
            : ended == 0 ? $"an exchange between the ranks failed: {exchange.Exception!.InnerException!.Message}"
            : string.Create(
                CultureInfo.InvariantCulture,
                $"an exchange between the ranks did not end within {limit.TotalSeconds:0} s, though all of them live: ddp_timeout is the limit"),
            exchange.Exception?.InnerException);
    }
}
