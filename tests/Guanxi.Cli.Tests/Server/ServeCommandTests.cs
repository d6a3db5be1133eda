using System.Net;
using System.Net.Sockets;
using System.Text;
using Guanxi.Cli.Server;
using Guanxi.Relations;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Server;

/// <summary>The verb as a process of its own: from its first line to its exit code.</summary>
[Collection(Programs.Name)]
public sealed class ServeCommandTests(TrainedMethodsFixture trained)
{
    private const string Body = "{\"text\": \"甲和乙\", \"people1\": \"甲\", \"people2\": \"乙\"}";

    [Fact]
    public async Task The_articles_loop_runs_against_it_and_a_signal_ends_it_after_its_answers()
    {
        var (model, url) = (trained.ModelOf(Methods.Tfidf), Loopback.FreeUrl());
        using var child = ChildProgram.Start("", [], "serve", "--model", model, "--urls", url, "--cache", "0");
        child.WaitForErrorLine("ready");

        var asked = ChildProgram.Run("evaluate", "--url", url, "--data", trained.Rows, "--json", "-").Expect(ExitCode.Done).LastRow;
        var own = ChildProgram.Run("evaluate", "--model", model, "--data", trained.Rows, "--json", "-").Expect(ExitCode.Done).LastRow;
        child.SendTerminate();
        var end = child.WaitForEnd().Expect(ExitCode.Stopped);

        Assert.Equal(own.GetProperty("accuracy").GetDouble(), asked.GetProperty("accuracy").GetDouble());
        Assert.Equal(own.GetProperty("per_label").GetRawText(), asked.GetProperty("per_label").GetRawText());
        Assert.Contains($"listening at {url}", end.Error, StringComparison.Ordinal);
        Assert.Contains("stopped: everything was answered", end.Error, StringComparison.Ordinal);
        Assert.Contains("\"route\": \"/people_rel_cls\", \"status\": 200", end.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("曹操", end.Error, StringComparison.Ordinal);
        using var client = new HttpClient();
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(new Uri(url + "/healthz")));
    }

    [Fact]
    public void Calls_that_cannot_work_are_told_with_their_reason()
    {
        var model = trained.ModelOf(Methods.Tfidf);
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var url = $"http://{taken.LocalEndpoint}";
        using var folder = new TemporaryFolder();
        folder.Copy(model, "damaged");
        File.WriteAllText(folder["damaged/tfidf.safetensors"], "no weights");
        folder.Copy(model, "cut");
        File.WriteAllBytes(folder["cut/tfidf.safetensors"], File.ReadAllBytes(folder["cut/tfidf.safetensors"])[..^8]);

        Assert.Contains("another program listens there already", ChildProgram.Run("serve", "--model", model, "--urls", url).Expect(ExitCode.WrongCall).Error, StringComparison.Ordinal);
        Assert.Contains("tfidf.safetensors", ChildProgram.Run("serve", "--model", folder["damaged"], "--urls", Loopback.FreeUrl()).Expect(ExitCode.WrongCall).Error, StringComparison.Ordinal);
        Assert.Contains("was cut off", ChildProgram.Run("serve", "--model", folder["cut"], "--urls", Loopback.FreeUrl()).Expect(ExitCode.WrongCall).Error, StringComparison.Ordinal);
        foreach (var words in (string[][])[["--urls", "https://127.0.0.1:5001"], ["--queue", "0"], ["--cors", "nonsense"], ["--feedback", folder["no/such/file"]]])
        {
            Assert.Contains(words[0], ChildProgram.Run(["serve", "--model", model, .. words]).Expect(ExitCode.WrongCall).Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_client_that_never_ends_does_not_keep_others_or_the_end_waiting()
    {
        var url = Loopback.FreeUrl();
        using var child = ChildProgram.Start("", [], "serve", "--model", trained.ModelOf(Methods.Tfidf), "--urls", url);
        child.WaitForErrorLine("ready");
        var place = new Uri(url);
        var slow = new List<TcpClient>();
        for (var i = 0; i < 20; i++)
        {
            var connection = new TcpClient(place.Host, place.Port);
            var start = i % 2 == 0 ? "POST /people_rel_cls HTTP/1.1\r\nHost: x\r\n" : "POST /people_rel_cls HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
            await connection.GetStream().WriteAsync(Encoding.ASCII.GetBytes(start));
            slow.Add(connection);
        }

        using var client = new HttpClient();
        using var content = new StringContent(Body, Encoding.UTF8, "application/json");
        Assert.Equal(HttpStatusCode.OK, (await client.PostAsync(new Uri(url + "/people_rel_cls"), content)).StatusCode);
        child.SendInterrupt();

        child.WaitForEnd().Expect(ExitCode.Stopped);
        slow.ForEach(connection => connection.Dispose());
    }

    [Fact]
    public void Systemd_is_told_when_it_is_ready_and_when_it_ends()
    {
        using var folder = new TemporaryFolder();
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(folder["notify"]));
        manager.ReceiveTimeout = (int)TimeSpan.FromMinutes(1).TotalMilliseconds;
        var environment = new Dictionary<string, string> { [ServiceManager.Variable] = folder["notify"] };
        using var child = ChildProgram.Start("", environment, "serve", "--model", trained.ModelOf(Methods.Tfidf), "--urls", Loopback.FreeUrl());
        var told = new byte[64];

        Assert.Equal(ServiceManager.Ready, Encoding.UTF8.GetString(told, 0, manager.Receive(told)));
        child.SendTerminate();
        Assert.Equal(ServiceManager.Stopping, Encoding.UTF8.GetString(told, 0, manager.Receive(told)));
        child.WaitForEnd().Expect(ExitCode.Stopped);
    }

    [Fact]
    public void A_signal_while_the_model_is_loaded_ends_it_before_it_is_ready()
    {
        using var folder = new TemporaryFolder();
        folder.CopyHeld(trained.ModelOf(Methods.Tfidf), "model", "tfidf.safetensors");
        using var child = ChildProgram.Start("", [], "serve", "--model", folder["model"], "--urls", Loopback.FreeUrl());
        child.WaitForErrorLine("listening at");

        child.SendTerminate();

        var told = child.WaitForEnd().Expect(ExitCode.Stopped);
        Assert.Contains("stopping", told.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("ready", told.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_metrics_name_the_folder_that_a_link_means()
    {
        using var folder = new TemporaryFolder();
        folder.Copy(trained.ModelOf(Methods.Tfidf), "people-7");
        Directory.CreateSymbolicLink(folder["current"], "people-7");
        var url = Loopback.FreeUrl();
        using var child = ChildProgram.Start("", [], "serve", "--model", folder["current"] + "/", "--urls", url);
        child.WaitForErrorLine("ready");
        using var client = new HttpClient();

        Assert.Contains("model=\"people-7\"", await client.GetStringAsync(new Uri(url + "/metrics")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_signal_ends_it_at_once()
    {
        const int EndedBySignal = 128 + 15;
        var url = Loopback.FreeUrl();
        using var child = ChildProgram.Start("", [], "serve", "--model", trained.ModelOf(Methods.Tfidf), "--urls", url);
        child.WaitForErrorLine("ready");
        using var unfinished = new TcpClient(new Uri(url).Host, new Uri(url).Port);
        await unfinished.GetStream().WriteAsync("POST /people_rel_cls HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"u8.ToArray());
        using var client = new HttpClient();
        (await client.GetAsync(new Uri(url + "/healthz"))).EnsureSuccessStatusCode();

        child.SendTerminate();
        child.WaitForErrorLine("stopping");
        child.SendTerminate();

        Assert.DoesNotContain("stopped:", child.WaitForEnd().Expect(EndedBySignal).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Spans_go_to_a_collector_where_the_environment_names_one()
    {
        var (url, collector) = (Loopback.FreeUrl(), Loopback.FreeUrl());
        using var listener = new HttpListener();
        listener.Prefixes.Add(collector + "/");
        listener.Start();
        var exported = listener.GetContextAsync();
        var environment = new Dictionary<string, string> { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector, ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf" };
        using var child = ChildProgram.Start("", environment, "serve", "--model", trained.ModelOf(Methods.Tfidf), "--urls", url);
        child.WaitForErrorLine("ready");
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, url + "/people_rel_cls") { Content = new StringContent(Body, Encoding.UTF8, "application/json") };
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        (await client.SendAsync(request)).EnsureSuccessStatusCode();
        child.SendTerminate();

        var context = await exported.WaitAsync(TimeSpan.FromMinutes(1));
        using var body = new MemoryStream();
        await context.Request.InputStream.CopyToAsync(body);
        context.Response.Close();

        var sent = Encoding.Latin1.GetString(body.ToArray());
        Assert.Equal("/v1/traces", context.Request.Url!.AbsolutePath);
        Assert.Contains("POST /people_rel_cls", sent, StringComparison.Ordinal);
        Assert.Contains(Encoding.Latin1.GetString(Convert.FromHexString("0af7651916cd43dd8448eb211c80319c")), sent, StringComparison.Ordinal);
        Assert.Contains("\"trace_id\": \"0af7651916cd43dd8448eb211c80319c\"", child.WaitForEnd().Expect(ExitCode.Stopped).Error, StringComparison.Ordinal);
    }

    [LongFact]
    public async Task Slow_clients_are_cut_off_within_the_limits()
    {
        var url = Loopback.FreeUrl();
        using var child = ChildProgram.Start("", [], "serve", "--model", trained.ModelOf(Methods.Tfidf), "--urls", url);
        child.WaitForErrorLine("ready");
        var place = new Uri(url);
        var ends = Enumerable.Range(0, 700).Select(i => CutOffAsync(place, isBody: i >= 500)).ToArray();

        var times = await Task.WhenAll(ends);

        Assert.All(times, time => Assert.InRange(time.TotalSeconds, 0, 30));
        child.SendTerminate();
        child.WaitForEnd().Expect(ExitCode.Stopped);
    }

    private static async Task<TimeSpan> CutOffAsync(Uri place, bool isBody)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync(place.Host, place.Port);
        var stream = connection.GetStream();
        var start = System.Diagnostics.Stopwatch.StartNew();
        var head = "POST /people_rel_cls HTTP/1.1\r\nHost: x\r\n" + (isBody ? "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{" : "");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
        var buffer = new byte[512];
        try
        {
            while (await stream.ReadAsync(buffer) > 0)
            {
                // An answer may come before the end.
            }
        }
        catch (IOException)
        {
            // Cut off, as it should be.
        }

        return start.Elapsed;
    }
}
