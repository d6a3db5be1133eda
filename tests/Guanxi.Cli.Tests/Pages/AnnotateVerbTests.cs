using System.Net;
using Guanxi.Cli.Annotation;
using Xunit;

namespace Guanxi.Cli.Tests.Pages;

/// <summary><c>data annotate</c> without a browser: export, wrong calls, and what foreign pages may do.</summary>
public sealed class AnnotateVerbTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Labelled_rows_are_exported_without_a_page()
    {
        var data = AnnotatePageTests.Rows(_folder);
        await using (var server = await AnnotateServer.StartAsync(_folder["work.db"], data))
        {
            server.Store.Put(1, new Mark("父母", false, ""), 0, "a");
            server.Store.Put(2, new Mark("师生", true, ""), 0, "a");
        }

        var result = ChildProgram.Run("data", "annotate", "--db", _folder["work.db"], "--export", _folder["out.tsv"]).Expect(ExitCode.Done);

        Assert.Contains("1 rows as tsv", result.Output, StringComparison.Ordinal);
        Assert.Equal("label\tcontent\n父母\t<e1>曹操</e1>带着<e2>曹植</e2>登上铜雀台\n", File.ReadAllText(_folder["out.tsv"]));
    }

    [Fact]
    public async Task The_verb_serves_until_it_is_asked_to_stop()
    {
        var address = $"http://127.0.0.1:{Loopback.FreePort()}";
        using var program = ChildProgram.Start(
            "", [], "data", "annotate", "--data", AnnotatePageTests.Rows(_folder), "--labels_file", _folder.Add("labels", "父母", "师生=老师"), "--urls", address);
        program.WaitForErrorLine($"open {address}");
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });

        var state = await client.GetStringAsync(new Uri($"{address}/api/state"));

        Assert.Contains("\"labels\": [\"父母\", \"师生\"]", state, StringComparison.Ordinal);
        program.SendInterrupt();
        program.WaitForEnd().Expect(ExitCode.Stopped);
        Assert.True(File.Exists(_folder["rows.jsonl.annotations.db"]));
    }

    [Fact]
    public void Without_labels_it_says_how_to_name_them()
    {
        var result = ChildProgram.Run("data", "annotate", "--data", AnnotatePageTests.Rows(_folder)).Expect(ExitCode.WrongCall);

        Assert.Contains("--labels_file", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Foreign_names_and_origins_are_refused()
    {
        await using var server = await AnnotateServer.StartAsync(_folder["work.db"], AnnotatePageTests.Rows(_folder));
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server.Address };

        Assert.Equal(HttpStatusCode.OK, await Status(client, "/api/state", "Host", server.Address.Authority));
        Assert.Equal(HttpStatusCode.OK, await Status(client, "/api/state", "Host", $"localhost:{server.Address.Port}"));
        Assert.Equal(HttpStatusCode.MisdirectedRequest, await Status(client, "/api/state", "Host", "rebound.example"));
        Assert.Equal(HttpStatusCode.Forbidden, await Status(client, "/api/state", "Origin", "http://elsewhere.example"));
        Assert.Equal(HttpStatusCode.NotFound, await Status(client, "/assets/annotate.html", "Origin", ""));
    }

    [Theory]
    [InlineData("/api/go", "filter must be one of all, unlabelled", """{"from": 1, "step": 1, "filter": "7"}""", HttpStatusCode.BadRequest)]
    [InlineData("/api/go", "filter must be one of all, unlabelled", """{"from": 1, "step": 1, "filter": "all,skipped"}""", HttpStatusCode.BadRequest)]
    [InlineData("/api/rows/9", "there is no row 9", """{"label": "父母", "revision": 0, "tab": "x"}""", HttpStatusCode.NotFound)]
    public async Task What_there_is_not_is_refused(string path, string reason, string body, HttpStatusCode status)
    {
        await using var server = await AnnotateServer.StartAsync(_folder["work.db"], AnnotatePageTests.Rows(_folder));
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server.Address };
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");

        using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), content);

        Assert.Equal(status, answer.StatusCode);
        Assert.Contains(reason, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_of_another_page_cannot_change_anything()
    {
        await using var server = await AnnotateServer.StartAsync(_folder["work.db"], AnnotatePageTests.Rows(_folder));
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server.Address };
        using var form = new StringContent("""{"label": "父母", "revision": 0, "tab": "x"}""", System.Text.Encoding.UTF8, "text/plain");

        using var answer = await client.PostAsync(new Uri("/api/rows/1", UriKind.Relative), form);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Null(server.Store.Row(1)!.Mark.Label);
    }

    private static async Task<HttpStatusCode> Status(HttpClient client, string path, string header, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation(header, value);
        using var answer = await client.SendAsync(request);
        Assert.DoesNotContain("\"title\": \"Internal Server Error\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        return answer.StatusCode;
    }
}
