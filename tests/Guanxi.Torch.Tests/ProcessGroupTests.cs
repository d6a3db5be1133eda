using System.Net;
using System.Net.Sockets;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Torch.Tests;

/// <summary>Groups whose members are threads of this process: the exchange goes through sockets all the same.</summary>
public sealed class ProcessGroupTests
{
    private const string Host = "127.0.0.1";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void All_reduce_sums_over_the_members(int worldSize)
    {
        using var leaks = new LeakCheck();
        var results = Together(worldSize, group => Exchanged([1f, 10f * (group.Rank + 1), -group.Rank], tensor => group.AllReduce(tensor)));
        var ranks = Enumerable.Range(0, worldSize).ToArray();
        Assert.All(results, found => Assert.Equal([worldSize, 10f * ranks.Sum(rank => rank + 1), -ranks.Sum()], found));
    }

    [Fact]
    public void Broadcast_copies_the_values_of_the_root()
    {
        var results = Together(2, group => Exchanged([group.Rank, 7f + group.Rank], tensor => group.Broadcast(tensor, root: 1)));
        Assert.All(results, found => Assert.Equal([1f, 8f], found));
    }

    [Fact]
    public void All_gather_collects_in_the_order_of_the_ranks()
    {
        var results = Together(2, group =>
        {
            using var scope = TensorScope.Enter();
            var outputs = Enumerable.Range(0, 2).Select(_ => Tensor.Zeros([2], DType.Float32, Device.Cpu)).ToArray();
            using (var pending = group.AllGather(Tensor.From<float>([group.Rank, 5f], 2), outputs))
            {
                pending.Wait();
            }

            return outputs.SelectMany(output => output.AsSpan<float>().ToArray()).ToArray();
        });
        Assert.All(results, found => Assert.Equal([0f, 5f, 1f, 5f], found));
    }

    [Fact]
    public void An_exchange_that_was_given_up_is_not_waited_for()
    {
        var results = Together(1, group =>
        {
            using var scope = TensorScope.Enter();
            var pending = group.AllReduce(Tensor.From<float>([3f], 1));
            pending.Wait();
            pending.Dispose();
            pending.Dispose();
            Assert.Throws<ObjectDisposedException>(pending.Wait);
            return [1f];
        });
        Assert.Equal([1f], results[0]);
    }

    [Fact]
    public void A_member_that_does_not_come_ends_the_waiting_with_an_error()
    {
        var port = FreePort();
        var error = Assert.Throws<TorchException>(() => Join("gloo", port, 0, 2, TimeSpan.FromMilliseconds(300)));
        Assert.Contains(nameof(ProcessGroup.Join), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_backend_is_named()
    {
        var port = FreePort();
        var error = Assert.Throws<TorchException>(() => Join("carrier-pigeon", port, 0, 1, s_patience));
        Assert.Contains("carrier-pigeon", error.Message, StringComparison.Ordinal);
    }

    private static ProcessGroup Join(string backend, int port, int rank, int worldSize, TimeSpan joining) =>
        ProcessGroup.Join(backend, new ProcessPlace(Host, port, Host, rank, worldSize), joining, s_patience);

    private static float[] Exchanged(float[] values, Func<Tensor, PendingExchange> exchange)
    {
        using var scope = TensorScope.Enter();
        var tensor = Tensor.From<float>(values, values.Length);
        using (var pending = exchange(tensor))
        {
            pending.Wait();
        }

        return tensor.AsSpan<float>().ToArray();
    }

    private static float[][] Together(int worldSize, Func<ProcessGroup, float[]> work)
    {
        var port = FreePort();
        var results = new float[worldSize][];
        var errors = new Exception?[worldSize];
        var members = Enumerable.Range(0, worldSize).Select(rank => new Thread(() => errors[rank] = Record.Exception(() =>
        {
            using var group = Join("gloo", port, rank, worldSize, s_patience);
            results[rank] = work(group);
            // Rank 0 holds the store: it leaves last.
            _ = Exchanged([0f], group.AllReduce);
        }))).ToArray();
        Array.ForEach(members, member => member.Start());
        Array.ForEach(members, member => member.Join());
        Assert.All(errors, Assert.Null);
        return results;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
