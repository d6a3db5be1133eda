using Guanxi.Torch.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests.Kernels;

[Collection(KernelCheck.Collection)]
public sealed class KernelParallelTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(64, 1)]
    [InlineData(65, 1)]
    [InlineData(100_003, 16)]
    public void Every_index_is_done_once_and_parts_begin_at_multiples_of_the_grain(int count, int grain)
    {
        foreach (var threads in new[] { 1, 2, 5 })
        {
            using var forced = KernelThreads.Force(threads);
            var done = new int[count];
            For(count, grain, (first, last) =>
            {
                Assert.Equal(0, first % grain);
                for (var i = first; i < last; i++)
                {
                    Interlocked.Increment(ref done[i]);
                }
            });
            Assert.All(done, times => Assert.Equal(1, times));
        }
    }

    [Fact]
    public void The_cut_does_not_depend_on_the_number_of_threads()
    {
        SortedSet<(long, long)> Parts(int threads)
        {
            using var forced = KernelThreads.Force(threads);
            var parts = new SortedSet<(long, long)>();
            For(1000, 8, (first, last) =>
            {
                lock (parts)
                {
                    parts.Add((first, last));
                }
            });
            return parts;
        }

        Assert.Equal(Parts(2), Parts(4));
        Assert.True(Parts(2).Count > 30);
    }

    [Fact]
    public void More_than_one_thread_takes_part()
    {
        using var forced = KernelThreads.Force(3);
        var seen = new HashSet<int>();
        // On a busy machine the caller may do all of a call before a helper gets a processor.
        for (var attempt = 0; attempt < 2000 && seen.Count < 2; attempt++)
        {
            For(64, 1, (_, _) =>
            {
                lock (seen)
                {
                    seen.Add(Environment.CurrentManagedThreadId);
                }

                Thread.SpinWait(5000);
            });
        }

        Assert.True(seen.Count >= 2);
    }

    [Fact]
    public void An_exception_of_a_part_reaches_the_caller_and_the_threads_go_on_working()
    {
        using var forced = KernelThreads.Force(4);
        for (var round = 0; round < 20; round++)
        {
            var error = Assert.Throws<InvalidOperationException>(() => For(64, 1, (first, _) =>
            {
                if (first == 40)
                {
                    throw new InvalidOperationException("part 40");
                }
            }));
            Assert.Equal("part 40", error.Message);
        }

        var sum = 0L;
        For(100, 1, (first, last) => Interlocked.Add(ref sum, last - first));
        Assert.Equal(100, sum);
    }

    [Fact]
    public void A_call_inside_a_part_does_its_work_on_that_thread()
    {
        using var forced = KernelThreads.Force(2);
        var total = 0L;
        For(8, 1, (_, _) =>
        {
            var thread = Environment.CurrentManagedThreadId;
            For(100, 1, (first, last) =>
            {
                Assert.Equal(thread, Environment.CurrentManagedThreadId);
                Interlocked.Add(ref total, last - first);
            });
        });
        Assert.Equal(800, total);
    }

    [Fact]
    public void Calls_from_many_threads_at_once_all_finish()
    {
        var total = 0L;
        var callers = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (var i = 0; i < 200; i++)
            {
                For(64, 1, (first, last) => Interlocked.Add(ref total, last - first));
            }
        })).ToList();
        callers.ForEach(caller => caller.Start());
        callers.ForEach(caller => caller.Join());
        Assert.Equal(4 * 200 * 64, total);
    }

    [Fact]
    public void Counts_that_make_no_sense_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => KernelThreads.Count = 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => For(-1, 1, (_, _) => { }));
        Assert.Throws<ArgumentOutOfRangeException>(() => For(1, 0, (_, _) => { }));
    }

    private static void For(long count, long grain, Action<long, long> body) => KernelParallel.For(count, grain, new Work(body));

    private readonly struct Work(Action<long, long> body) : IRangeWork
    {
        public void Run(long first, long last) => body(first, last);
    }
}
