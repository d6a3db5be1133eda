using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Guanxi.Cli.Server;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Serving;
using Guanxi.TestKit;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Cli.Tests.Server;

/// <summary>What operators and clients rely on: readiness, overload, aborts, keys, origins, feedback, metrics, logs.</summary>
public sealed partial class ServiceTests : IDisposable
{
    private const string One = "/people_rel_cls";

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly HeldClassifier _classifier = new();

    public void Dispose() => _classifier.Dispose();

    [Fact]
    public async Task Nothing_is_answered_before_the_model_is_there_and_nothing_more_while_draining()
    {
        await using var server = await ServerUnderTest.ListenAsync();
        (await server.GetAsync("/healthz")).Expect(HttpStatusCode.OK);
        foreach (var reply in (Reply[])[await server.GetAsync("/readyz"), await server.GetAsync("/v1/labels"), await server.PostAsync(One, Body("0"))])
        {
            Assert.True(int.Parse(reply.Expect(HttpStatusCode.ServiceUnavailable).Headers["Retry-After"]) > 0);
        }

        _classifier.Release(1);
        server.Host.Serve(_classifier, "model", Methods.Tfidf);
        Assert.True(_classifier.WaitForPass(s_patience));
        (await server.GetAsync("/readyz")).Expect(HttpStatusCode.OK);
        var taken = server.PostAsync(One, Body("1"));
        Assert.True(_classifier.WaitForPass(s_patience));
        var drained = server.Host.DrainAsync();

        (await server.GetAsync("/healthz")).Expect(HttpStatusCode.OK);
        (await server.GetAsync("/readyz")).Expect(HttpStatusCode.ServiceUnavailable);
        (await server.PostAsync(One, Body("2"))).Expect(HttpStatusCode.ServiceUnavailable);
        _classifier.ReleaseAll();
        Assert.Equal("夫妻", (await taken).Expect(HttpStatusCode.OK).Json.GetProperty("result").GetString());
        Assert.Equal(0, await drained);
        await Assert.ThrowsAsync<HttpRequestException>(() => server.GetAsync("/healthz"));
    }

    [Fact]
    public async Task What_does_not_fit_in_the_queue_is_told_to_come_back_and_aborts_free_their_places()
    {
        _classifier.Release(1);
        await using var server = await ServerUnderTest.ServeAsync(_classifier, engine: new RelationEngineOptions { QueueCapacity = 2, CachedAnswers = 0 });
        Assert.True(_classifier.WaitForPass(s_patience));
        using var stop = new CancellationTokenSource();
        var running = server.PostAsync(One, Body("running"));
        Assert.True(_classifier.WaitForPass(s_patience));
        var aborted = server.PostAsync(One, Encoding.UTF8.GetBytes(Body("aborted")), "application/json", stop.Token);
        var waiting = server.PostAsync(One, Body("waiting"));
        await server.UntilAsync("guanxi_queue_length", 2);

        var refused = (await server.PostAsync(One, Body("refused"))).Expect(HttpStatusCode.TooManyRequests);
        Assert.InRange(int.Parse(refused.Headers["Retry-After"]), 1, 1000);
        (await server.GetAsync("/healthz")).Expect(HttpStatusCode.OK);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => aborted);
        await server.UntilAsync("guanxi_queue_length", 1);
        var next = server.PostAsync(One, Body("next"));
        await server.UntilAsync("guanxi_queue_length", 2);
        _classifier.ReleaseAll();

        Assert.All(await Task.WhenAll(running, waiting, next), reply => reply.Expect(HttpStatusCode.OK));
        Assert.DoesNotContain(_classifier.Batches.SelectMany(batch => batch), text => text.Contains("aborted", StringComparison.Ordinal));
        Assert.Equal(
            await server.MetricAsync("guanxi_calls_accepted_total"),
            await server.MetricAsync("guanxi_calls_done_total") + await server.MetricAsync("guanxi_calls_cancelled_total") + await server.MetricAsync("guanxi_calls_failed_total"));
        Assert.Equal(1, await server.MetricAsync("guanxi_calls_rejected_total"));
    }

    [Fact]
    public async Task A_fault_of_the_model_is_500_without_a_word_of_it_and_the_next_request_is_answered()
    {
        _classifier.ReleaseAll();
        await using var server = await ServerUnderTest.ServeAsync(_classifier);

        var reply = (await server.PostAsync(One, $"{{\"text\": \"{HeldClassifier.Poison}\", \"people1\": \"{HeldClassifier.Poison}\", \"people2\": \"{HeldClassifier.Poison}\"}}"))
            .Expect(HttpStatusCode.InternalServerError);

        Assert.DoesNotContain("poison", reply.Body, StringComparison.Ordinal);
        Assert.Contains("poison", server.Log, StringComparison.Ordinal);
        (await server.PostAsync(One, Body("0"))).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_pass_that_does_not_end_keeps_nobody_waiting()
    {
        using var engine = new RelationEngine(_classifier, new RelationEngineOptions(), TimeProvider.System);
        var running = engine.ClassifyAsync([new RelationExample("甲和乙", "甲", "乙", null, null, null, new SourcePlace("", 1, 1))], CancellationToken.None);
        Assert.True(_classifier.WaitForPass(s_patience));

        Assert.False(engine.Close(TimeSpan.Zero));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.AsTask());
        _classifier.ReleaseAll();
        Assert.True(engine.Close(s_patience));
    }

    [Fact]
    public async Task A_key_is_asked_for_where_there_are_keys()
    {
        _classifier.ReleaseAll();
        using var folder = new TemporaryFolder();
        var file = folder.Add("keys", "# two of them", "first-key-0123456789", "", "second-key-0123456789");
        await using var server = await ServerUnderTest.ServeAsync(_classifier, options => options with { ApiKeyFile = file });

        foreach (var path in (string[])["/healthz", "/readyz", "/openapi/v1.json"])
        {
            (await server.GetAsync(path)).Expect(HttpStatusCode.OK);
        }

        Assert.Equal("Bearer", (await server.PostAsync(One, Body("0"))).Expect(HttpStatusCode.Unauthorized).Headers["WWW-Authenticate"]);
        (await server.GetAsync("/metrics")).Expect(HttpStatusCode.Unauthorized);
        server.Client.DefaultRequestHeaders.Add("Authorization", "Bearer first-key-012345678");
        (await server.PostAsync(One, Body("0"))).Expect(HttpStatusCode.Unauthorized);
        server.Client.DefaultRequestHeaders.Remove("Authorization");
        server.Client.DefaultRequestHeaders.Add("Authorization", "Bearer first-key-0123456789");
        (await server.PostAsync(One, Body("0"))).Expect(HttpStatusCode.OK);
        server.Client.DefaultRequestHeaders.Remove("Authorization");
        server.Client.DefaultRequestHeaders.Add("X-API-Key", "second-key-0123456789");
        (await server.PostAsync(One, Body("0"))).Expect(HttpStatusCode.OK);
        Assert.Throws<OptionsException>(() => ApiKeys.Read(folder.Add("short", "123")));
        Assert.Throws<OptionsException>(() => ApiKeys.Read(folder["missing"]));
    }

    [Fact]
    public async Task Pages_of_other_origins_ask_only_when_they_are_named()
    {
        _classifier.ReleaseAll();
        await using var closed = await ServerUnderTest.ServeAsync(_classifier);
        await using var open = await ServerUnderTest.ServeAsync(_classifier, options => options with { CorsOrigins = ["https://a.example"] });

        Assert.DoesNotContain("Access-Control-Allow-Origin", (await Preflight(closed, "https://a.example")).Headers.Keys);
        Assert.DoesNotContain("Access-Control-Allow-Origin", (await Preflight(open, "https://b.example")).Headers.Keys);
        var allowed = await Preflight(open, "https://a.example");
        Assert.Equal((HttpStatusCode.NoContent, "https://a.example"), (allowed.Status, allowed.Headers["Access-Control-Allow-Origin"]));
        open.Client.DefaultRequestHeaders.Add("Origin", "https://a.example");
        Assert.Equal("https://a.example", (await open.PostAsync(One, Body("0"))).Expect(HttpStatusCode.OK).Headers["Access-Control-Allow-Origin"]);
        Assert.Throws<OptionsException>(() => ServerOptions.ReadOrigin("https://a.example/page"));
    }

    [Fact]
    public async Task Corrected_labels_become_rows_to_train_on()
    {
        _classifier.ReleaseAll();
        using var folder = new TemporaryFolder();
        await using var server = await ServerUnderTest.ServeAsync(_classifier, options => options with { FeedbackFile = folder["corrected.jsonl"] });
        var document = await server.DescribeAsync();

        var kept = (await server.PostAsync("/v1/feedback", "{\"text\": \"<e1>甲</e1>和<e2>乙</e2>\", \"label\": \"父母\"}")).Expect(HttpStatusCode.OK);
        var unknown = (await server.PostAsync("/v1/feedback", "{\"text\": \"甲和乙\", \"people1\": \"甲\", \"people2\": \"乙\", \"label\": \"父毌\"}"))
            .Expect(HttpStatusCode.UnprocessableEntity);
        (await server.PostAsync("/v1/feedback", Body("0"))).Expect(HttpStatusCode.BadRequest);

        document.AssertAnswer("POST", "/v1/feedback", 200, kept.ContentType, kept.Body);
        Assert.Contains("父母", unknown.Body, StringComparison.Ordinal);
        var row = Assert.Single(DatasetReader.Read(folder["corrected.jsonl"], new DatasetReadOptions()).Relations);
        Assert.Equal(("甲和乙", "甲", "乙", "父母"), (row.Text, row.Person1, row.Person2, row.Label));
        Assert.Equal(new TextSpan(0, 1), row.Span1);
        Assert.Throws<OptionsException>(() => new FeedbackFile(folder["no/such/folder"]));
    }

    [Fact]
    public async Task Metrics_are_Prometheus_and_the_log_holds_no_text_unless_asked()
    {
        _classifier.ReleaseAll();
        await using var server = await ServerUnderTest.ServeAsync(_classifier);
        await using var talkative = await ServerUnderTest.ServeAsync(_classifier, options => options with { LogsTexts = true });
        foreach (var each in (ServerUnderTest[])[server, talkative])
        {
            (await each.PostAsync(One, Body("秘密"))).Expect(HttpStatusCode.OK);
            (await each.PostAsync(One, "{}")).Expect(HttpStatusCode.BadRequest);
        }

        var metrics = await server.GetAsync("/metrics");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", metrics.ContentType);
        Assert.All(metrics.Body.TrimEnd('\n').Split('\n'), line => Assert.Matches(MetricLine(), line));
        foreach (var (name, value) in ((string, double)[])[
            ("guanxi_requests_total{route=\"/people_rel_cls\",status=\"200\"}", 1), ("guanxi_requests_total{route=\"/people_rel_cls\",status=\"400\"}", 1),
            ("guanxi_predictions_total{label=\"夫妻\"}", 1), ("guanxi_confidence_count", 1), ("guanxi_confidence_bucket{le=\"0.6\"}", 1),
            ("guanxi_confidence_bucket{le=\"0.5\"}", 0), ("guanxi_batch_rows_count", 1), ("guanxi_tokens_total", 1), ("guanxi_queue_capacity", 64), ("guanxi_ready", 1)])
        {
            Assert.Equal(value, await server.MetricAsync(name));
        }

        Assert.True(await server.MetricAsync("process_resident_memory_bytes") > 1e6);
        Assert.DoesNotContain("秘密", server.Log, StringComparison.Ordinal);
        Assert.Contains("秘密", talkative.Log, StringComparison.Ordinal);
        Assert.Contains("\"status\": 400", server.Log, StringComparison.Ordinal);
    }

    [GeneratedRegex("""^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? (\d|\+Inf).*)$""")]
    private static partial Regex MetricLine();

    private static string Body(string text) => $"{{\"text\": \"甲和乙{text}\", \"people1\": \"甲\", \"people2\": \"乙\"}}";

    private static async Task<Reply> Preflight(ServerUnderTest server, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, One);
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        using var response = await server.Client.SendAsync(request);
        return await Reply.ReadAsync(response);
    }
}
