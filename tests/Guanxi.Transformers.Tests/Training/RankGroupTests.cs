using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training;
using Guanxi.Transformers.Training.Ranks;
using Xunit;
using Xunit.Abstractions;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>Groups whose members are threads of this process; what passes between them goes through sockets all the same.</summary>
public sealed class RankGroupTests(ITestOutputHelper output)
{
    private static readonly RankPatience s_patience = new(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(20));

    [Fact]
    public void Numbers_and_tensors_of_several_buckets_are_summed_and_copied()
    {
        using var leaks = new LeakCheck();
        // Three buckets, the second tensor lies in all of them.
        long[] sizes = [5, (2 * FlatBuckets.Elements) + 3, 7];
        var results = Together(2, ranks =>
        {
            using var scope = TensorScope.Enter();
            var tensors = sizes.Select(size => Tensor.Full([size], ranks.Rank + 1, DType.Float32, Device.Cpu)).ToArray();
            ranks.SumInPlace(tensors);
            var sums = tensors.Select(tensor => tensor.Max().Item() == 3 && (tensor * -1.0).Max().Item() == -3).ToArray();
            tensors[0].CopyInPlace(Tensor.Full([5], 10 * ranks.Rank, DType.Float32, Device.Cpu));
            ranks.CopyInPlace(tensors[..1], owner: 1);
            return (Sums: sums, Copied: tensors[0].ToArray<float>()[4], Numbers: ranks.Sum(1.5, ranks.Rank), Any: ranks.Any(ranks.Rank == 1),
                First: ranks.OfFirst(2, () => [7, 0.1]));
        });

        Assert.All(results, found =>
        {
            Assert.All(found.Sums, Assert.True);
            Assert.Equal(10f, found.Copied);
            Assert.Equal([3, 1], found.Numbers);
            Assert.True(found.Any);
            Assert.Equal([7, 0.1], found.First);
        });
    }

    [Fact]
    public void Buckets_go_in_one_order_whatever_is_ready_first()
    {
        using var leaks = new LeakCheck();
        // Four buckets; the last tensor ends the third and fills the fourth.
        long[] sizes = [FlatBuckets.Elements, 3, (2 * FlatBuckets.Elements) - 5, 4];
        var sent = Together(2, ranks =>
        {
            using var scope = TensorScope.Enter();
            var tensors = sizes.Select((size, index) => Tensor.Full([size], (index + 1) * Math.Pow(10, ranks.Rank), DType.Float32, Device.Cpu)).ToArray();
            var order = new List<int>();
            using var buckets = ranks.SumOf(sizes, index =>
            {
                order.Add(index);
                return tensors[index];
            });
            foreach (var index in ranks.IsFirst ? (int[])[1, 2, 0] : [0, 1])
            {
                buckets.Ready(index);
            }

            int[] early = [.. order.Distinct()];
            Assert.Throws<InvalidOperationException>(() => buckets.Ready(1));
            buckets.Finish();
            Assert.All(tensors.Index(), item => Assert.Equal((11 * (item.Index + 1), -11 * (item.Index + 1)), ((int)item.Item.Max().Item(), (int)(item.Item * -1.0).Max().Item())));
            return early;
        });

        // Rank 0 begins when the first is ready; rank 1 has nothing whole behind it.
        Assert.Equal(0, sent[0][0]);
        Assert.Contains(1, sent[0]);
        Assert.Equal([0], sent[1]);
    }

    [Fact]
    public void Gradients_are_exchanged_while_the_backward_pass_goes_on()
    {
        using var leaks = new LeakCheck();
        using var hasCome = new ManualResetEventSlim();
        var found = Together(2, ranks =>
        {
            using var scope = TensorScope.Enter();
            if (!ranks.IsFirst)
            {
                // What the other rank sends, without a model: the last parameter in its bucket, the first with one that has no gradient here, and who has any.
                Tensor[] sums = [Tensor.Full([FlatBuckets.Elements], 1, DType.Float32, Device.Cpu), Tensor.Zeros([8], DType.Float32, Device.Cpu)];
                ranks.SumInPlace(sums[..1]);
                hasCome.Set();
                ranks.SumInPlace(sums[1..]);
                _ = ranks.Sum(1, 0, 0);
                return (0f, 0f, false);
            }

            using var first = new Parameter(Tensor.Full([3], 1, DType.Float32, Device.Cpu)) { IsTrainable = true };
            using var unused = new Parameter(Tensor.Full([5], 1, DType.Float32, Device.Cpu)) { IsTrainable = true };
            using var last = new Parameter(Tensor.Full([FlatBuckets.Elements], 1, DType.Float32, Device.Cpu)) { IsTrainable = true };
            using var sum = new GradientSum([new("first", first, false), new("unused", unused, false), new("last", last, false)], ranks);
            var inner = Autograd.Record(first.Value.Detach().Sum(), [first.Value], [], (_, _) =>
            {
                // The pass is here when the last parameter's gradient has been to the other rank.
                Assert.True(hasCome.Wait(TimeSpan.FromSeconds(30)), "nothing was sent before the pass had ended");
                return [Tensor.Full([3], 2, DType.Float32, Device.Cpu)];
            });
            sum.BeginLast();
            (inner * last.Value.Sum()).Backward();
            sum.Finish();
            var result = (last.Value.Grad!.Max().Item(), first.Value.Grad!.Max().Item(), unused.Value.Grad is not null);
            Array.ForEach((Parameter[])[first, unused, last], parameter => parameter.Value.Grad = null);
            return ((float)result.Item1, (float)result.Item2, result.Item3);
        });

        Assert.Equal((3 + 1f, 2f, false), found[0]);
    }

    [Fact]
    public void What_differs_is_told_with_the_ranks_that_have_it()
    {
        byte[] Hash(int value) => [.. Enumerable.Repeat((byte)value, 32)];
        var errors = Together(3, ranks =>
        {
            var error = Assert.Throws<OptionsException>(() => ranks.RequireSame(
                [("the arguments", Hash(1)), ("the rows", Hash(ranks.Rank == 2 ? 1 : 0)), ("the model", Hash(ranks.Rank))]));
            ranks.TellFailure(error);
            Assert.False(ranks.WhenLost.WaitHandle.WaitOne(TimeSpan.FromSeconds(1)), "a rank that found the same looked lost");
            return error;
        }, leaves: false);

        Assert.All(errors, error => Assert.Equal(
            ["rank 2: the rows differ from those of rank 0", "rank 1, 2: the model differ from those of rank 0"],
            error.Problems.Select(problem => $"{problem.Where}: {problem.What}")));
    }

    [Fact]
    public void A_member_that_fails_is_named_with_its_reason_to_all()
    {
        var told = Together(3, ranks =>
        {
            if (ranks.Rank == 1)
            {
                ranks.TellFailure(new InvalidOperationException("no more\nof this"));
                return string.Empty;
            }

            return Assert.Throws<RankLostException>(() => ranks.Sum(1)).Message;
        }, leaves: false);

        Assert.All([told[0], told[2]], message => Assert.Matches(@"^rank 1 \(.*\) failed: no more of this$", message));
        AssertCollectable();
    }

    [Theory]
    [InlineData("only 0 of 2 other ranks came within 1 s")]
    [InlineData("something else than a rank came", "GET / HTTP/1.1")]
    [InlineData("a process came as rank 3, where each of 1 to 2 must come once: far", "3 far")]
    [InlineData("a process came as rank 0,", "0 twin of the first")]
    [InlineData("a process came as rank 1, where each of 1 to 2 must come once: second", "1 first", "1 second")]
    [InlineData("only 1 of 2 other ranks came", "2 second")]
    [InlineData("did not say which it is", "")]
    public void Whoever_comes_wrong_or_not_at_all_is_told(string message, params string[] lines)
    {
        using var listener = RankWatch.Listen(IPAddress.Loopback);
        var patience = new RankPatience(
            message.StartsWith("only", StringComparison.Ordinal) ? TimeSpan.FromSeconds(1) : s_patience.Exchange,
            lines is [""] ? TimeSpan.FromSeconds(0.3) : s_patience.Silence);
        var clients = lines.Select(line =>
        {
            var client = new TcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);
            client.GetStream().Write(System.Text.Encoding.UTF8.GetBytes(line.Length > 0 ? line + "\n" : line));
            return client;
        }).ToArray();

        var error = Assert.Throws<RankLostException>(() => RankWatch.Accept(listener, 2, patience));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        foreach (var client in clients)
        {
            // Rank 0 has closed what it had: the other side reads an end, or that the connection was reset.
            client.ReceiveTimeout = (int)s_patience.Exchange.TotalMilliseconds;
            Assert.True(Record.Exception(() => Assert.Equal(0, client.GetStream().Read(new byte[1]))) is null or IOException);
            client.Dispose();
        }
    }

    /// <summary>What broken groups leave behind, exchanges that never end among it, must not keep the collector's finalizers waiting.</summary>
    private static void AssertCollectable()
    {
        GC.Collect();
        var finalizers = new Thread(GC.WaitForPendingFinalizers) { IsBackground = true };
        finalizers.Start();
        Assert.True(finalizers.Join(s_patience.Exchange), "a finalizer waits for an exchange that never ends");
    }

    [Fact]
    public void Shares_are_even_and_whole()
    {
        long[] sizes = [100, 7, 90, 3, 60, 40, 1];
        var owners = Optimizer.Shares(sizes, 3);

        Assert.All(Enumerable.Range(0, 3), rank => Assert.InRange(sizes.Where((_, i) => owners[i] == rank).Sum(), 95, 107));
        Assert.Equal([0, 0, 0], Optimizer.Shares([3, 2, 1], 1));
    }

    /// <summary>The figures of docs/scaling.md: latency of an exchange of one number, and bytes a second of long ones, over loopback.</summary>
    [LongTheory]
    [InlineData(2)]
    [InlineData(4)]
    public void Exchanges_over_loopback_are_measured(int worldSize)
    {
        const int Rounds = 20;
        var lines = Together(worldSize, ranks =>
        {
            using var scope = TensorScope.Enter();
            var found = new List<string>();
            foreach (var elements in new[] { 1L, 1L << 18, FlatBuckets.Elements, 4L * FlatBuckets.Elements })
            {
                var tensor = Tensor.Zeros([elements], DType.Float32, Device.Cpu);
                var seconds = new List<double>();
                for (var round = 0; round < Rounds; round++)
                {
                    _ = ranks.Sum(0);
                    var started = Stopwatch.GetTimestamp();
                    ranks.SumInPlace([tensor]);
                    seconds.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
                }

                seconds.Sort();
                found.Add($"{worldSize} ranks, {elements * sizeof(float)} bytes: median {seconds[Rounds / 2] * 1e3:0.000} ms, {elements * sizeof(float) / seconds[Rounds / 2] / 1e6:0} MB/s");
            }

            return found;
        });
        lines[0].ForEach(output.WriteLine);
        Assert.Equal(4, lines[0].Count);
    }

    private static T[] Together<T>(int worldSize, Func<RankGroup, T> work, bool leaves = true)
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();
        var (results, errors) = (new T[worldSize], new Exception?[worldSize]);
        var members = Enumerable.Range(0, worldSize).Select(rank => new Thread(() => errors[rank] = Record.Exception(() =>
        {
            using var ranks = RankGroup.Join(new RankPlace(rank, worldSize, rank, worldSize, "127.0.0.1", port), s_patience);
            results[rank] = work(ranks);
            if (leaves)
            {
                ranks.Leave();
            }
        }))).ToArray();
        Array.ForEach(members, member => member.Start());
        Array.ForEach(members, member => member.Join());
        Assert.All(errors, Assert.Null);
        return results;
    }
}
