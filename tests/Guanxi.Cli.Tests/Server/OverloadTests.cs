using System.Net;
using System.Text;
using Guanxi.Relations.Serving;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Server;

/// <summary>More requests than can be answered, and clients that go away: what is taken is answered, what is not is told so, and the books balance.</summary>
public sealed class OverloadTests : IDisposable
{
    private const string One = "/people_rel_cls";
    private const int Capacity = 8;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly HeldClassifier _classifier = new();

    public void Dispose() => _classifier.Dispose();

    [Fact]
    public async Task Ten_times_too_many_requests_are_answered_or_told_to_come_back()
    {
        await using var server = await StartAsync();
        using var end = new CancellationTokenSource();
        var pump = PumpAsync(end.Token);
        var lengths = new List<double>();
        var answers = new List<Reply>();
        for (var left = LongTests.Count(200, 20_000); left > 0; left -= 10 * Capacity)
        {
            var posts = Enumerable.Range(0, 10 * Capacity).Select(i => server.PostAsync(One, Body($"{left}-{i}"))).ToArray();
            (await server.GetAsync("/healthz")).Expect(HttpStatusCode.OK);
            lengths.Add(await server.MetricAsync("guanxi_queue_length"));
            answers.AddRange(await Task.WhenAll(posts));
        }

        Assert.All(lengths, length => Assert.InRange(length, 0, Capacity));
        Assert.All(answers, answer => Assert.True(answer.Status is HttpStatusCode.OK or HttpStatusCode.TooManyRequests, $"{answer.Status}"));
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.OK), answer => Assert.InRange(int.Parse(answer.Headers["Retry-After"]), 1, 100));
        Assert.Contains(answers, answer => answer.Status == HttpStatusCode.TooManyRequests);
        Assert.Equal(answers.Count(answer => answer.Status == HttpStatusCode.OK), await server.MetricAsync("guanxi_calls_done_total"));
        Assert.Equal(answers.Count(answer => answer.Status != HttpStatusCode.OK), await server.MetricAsync("guanxi_calls_rejected_total"));
        (await server.PostAsync(One, Body("after"))).Expect(HttpStatusCode.OK);
        await end.CancelAsync();
        await pump;
    }

    [Fact]
    public async Task Clients_that_go_away_at_any_moment_leave_nothing_behind()
    {
        await using var server = await StartAsync();
        Assert.True(_classifier.WaitForPass(s_patience));
        using (var gone = new CancellationTokenSource())
        {
            var taken = server.PostAsync(One, Encoding.UTF8.GetBytes(Body("gone")), "application/json", gone.Token);
            Assert.True(_classifier.WaitForPass(s_patience));
            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => taken);
            await server.UntilAsync("guanxi_calls_cancelled_total", 1);
        }

        using var end = new CancellationTokenSource();
        var pump = PumpAsync(end.Token);
        var random = new Random(3);
        for (var left = LongTests.Count(60, 1000); left > 0; left -= Capacity)
        {
            var patience = Enumerable.Range(0, Capacity).Select(_ => new CancellationTokenSource(TimeSpan.FromMilliseconds(random.Next(1, 12)))).ToArray();
            var posts = patience.Select((stop, i) => server.PostAsync(One, Encoding.UTF8.GetBytes(Body($"{left}-{i}")), "application/json", stop.Token)).ToArray();
            await Task.WhenAll(posts.Select(post => post.ContinueWith(_ => { }, TaskScheduler.Default)));
            Array.ForEach(patience, stop => stop.Dispose());
        }

        (await server.PostAsync(One, Body("after"))).Expect(HttpStatusCode.OK);
        await server.UntilAsync("guanxi_queue_length", 0);
        await server.UntilAsync("guanxi_calls_running", 0);
        var cancelled = await server.MetricAsync("guanxi_calls_cancelled_total");
        Assert.True(cancelled > 0, "no call was given up");
        Assert.Equal(await server.MetricAsync("guanxi_calls_accepted_total"), await server.MetricAsync("guanxi_calls_done_total") + cancelled);
        Assert.Equal(0, await server.MetricAsync("guanxi_calls_failed_total"));
        await end.CancelAsync();
        await pump;
    }

    private async Task<ServerUnderTest> StartAsync()
    {
        _classifier.Release(1);
        return await ServerUnderTest.ServeAsync(_classifier, engine: new RelationEngineOptions { QueueCapacity = Capacity, BatchRows = 2, CachedAnswers = 0 });
    }

    /// <summary>Lets a pass end every few milliseconds, until it is told to let all of them.</summary>
    private async Task PumpAsync(CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            _classifier.Release(1);
            await Task.Delay(TimeSpan.FromMilliseconds(3), CancellationToken.None);
        }

        _classifier.ReleaseAll();
    }

    private static string Body(string text) => $"{{\"text\": \"甲和乙{text}\", \"people1\": \"甲\", \"people2\": \"乙\"}}";
}
