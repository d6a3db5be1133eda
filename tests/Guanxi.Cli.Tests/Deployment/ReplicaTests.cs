using System.Diagnostics;
using System.Net;
using System.Text;
using Guanxi.Cli.Server;
using Guanxi.Cli.Tests.Server;
using Guanxi.Cli.Web;
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Formats;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Deployment;

/// <summary>Servers as they are deployed: two processes behind nginx, of which one is killed and both are replaced while clients ask.</summary>
[Collection(SharedProcess.Name)]
public sealed class ReplicaTests(TrainedMethodsFixture trained)
{
    private const int Clients = 6;
    private const int Many = 150;

    [NginxFact]
    public async Task A_killed_server_and_an_upgrade_lose_no_request()
    {
        using var folder = new TemporaryFolder();
        var retrained = folder["retrained"];
        ChildProgram.Run("train", "--method", Methods.Tfidf, "--train_file", Sample("train.tsv"), "--output_dir", retrained).Expect(ExitCode.Done);
        var rows = DatasetReader.Read(Sample("test.tsv"), new DatasetReadOptions()).Relations;
        var (old, young) = (Labels(trained.ModelOf(Methods.Tfidf), rows), Labels(retrained, rows));
        int[] ports = [Loopback.FreePort(), Loopback.FreePort()];
        using var killed = Serve(trained.ModelOf(Methods.Tfidf), ports[0]);
        using var drained = Serve(trained.ModelOf(Methods.Tfidf), ports[1]);
        WaitUntilReady(killed, drained);
        using var nginx = new NginxUnderTest(folder, ports);
        var load = new Load(nginx.Url, rows, Clients);

        await load.UntilAsync(more => more.Count() >= Many);
        Assert.True(killed.TryKill());
        await load.UntilAsync(more => more.Count() >= Many);
        var upgrade = Stopwatch.GetTimestamp();
        using var first = Serve(retrained, ports[0]);
        WaitUntilReady(first);

        // nginx asks a server that has come back within a second; only then may the other one go.
        await load.UntilAsync(more => more.Any(told => told.Status == HttpStatusCode.OK && told.Label != old[told.Row]));
        drained.SendTerminate();
        drained.WaitForEnd().Expect(ExitCode.Stopped);
        var upgraded = Stopwatch.GetTimestamp();
        using var second = Serve(retrained, ports[1]);
        WaitUntilReady(second);
        await load.UntilAsync(more => more.Count() >= Many);
        await load.EndAsync();

        Assert.All(load.Answers, told => Assert.True(told.Status == HttpStatusCode.OK, $"{told.Status}: {told.Body}"));
        Assert.All(load.Answers.Where(told => told.Asked < upgrade), told => Assert.Equal(old[told.Row], told.Label));
        Assert.All(load.Answers, told => Assert.Contains(told.Label, (string[])[old[told.Row], young[told.Row]]));
        Assert.All(load.Answers.Where(told => told.Asked > upgraded), told => Assert.Equal(young[told.Row], told.Label));
        Assert.Contains(nginx.Log, request => request.GetProperty("servers").GetString()!.Contains(", ", StringComparison.Ordinal));
        Assert.All(ports, port => Assert.Contains(nginx.Log, request => request.GetProperty("servers").GetString() == $"127.0.0.1:{port}"));
    }

    [NginxFact]
    public async Task Refusals_of_server_and_proxy_have_the_form_that_clients_know()
    {
        using var classifier = new HeldClassifier();
        classifier.Release(1);
        await using var server = await ServerUnderTest.ServeAsync(classifier, engine: new() { QueueCapacity = 1, BatchRows = 1, CachedAnswers = 0 });
        using var folder = new TemporaryFolder();
        using var nginx = new NginxUnderTest(folder, new Uri(server.Host.Urls.Single()).Port, Loopback.FreePort());
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(nginx.Url) };

        var asked = Enumerable.Range(1, 4).Select(i => PostAsync(client, $$"""{"text": "甲和乙{{i}}", "people1": "甲", "people2": "乙"}""")).ToList();
        var refused = (await await Task.WhenAny(asked)).Expect(HttpStatusCode.TooManyRequests);
        Assert.InRange(int.Parse(refused.Headers["Retry-After"]), 1, 100);
        (await PostAsync(client, new string(' ', RequestBody.MostBytes + 1))).Expect(HttpStatusCode.RequestEntityTooLarge);
        (await PostAsync(client, new string(' ', RequestBody.MostBytes))).Expect(HttpStatusCode.BadRequest);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync(new Uri("/metrics", UriKind.Relative))).StatusCode);
        classifier.ReleaseAll();
        Assert.Contains(await Task.WhenAll(asked), reply => reply.Status == HttpStatusCode.OK);

        await server.Host.DrainAsync();
        var nobody = (await PostAsync(client, "{}")).Expect(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("2", nobody.Headers["Retry-After"]);
    }

    private static async Task<Reply> PostAsync(HttpClient client, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(new Uri("/people_rel_cls", UriKind.Relative), content);
        return await Reply.ReadAsync(response);
    }

    private static string Sample(string name) => Path.Combine(Golden.RepositoryRoot, "examples", "people", name);

    private static ChildProgram Serve(string model, int port) =>
        ChildProgram.Start("", [], "serve", "--model", model, "--urls", Loopback.UrlOf(port), "--cache", "0", "--log_requests", "false");

    private static void WaitUntilReady(params ChildProgram[] servers) => Array.ForEach(servers, server => server.WaitForErrorLine("ready"));

    private static string[] Labels(string model, IReadOnlyList<RelationExample> rows)
    {
        using var loaded = TrainedModel.Load(model, new());
        return [.. loaded.Classifier.Classify(rows).Select(row => row.Prediction!.Label)];
    }
}
