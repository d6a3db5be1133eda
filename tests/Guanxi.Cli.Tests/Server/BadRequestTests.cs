using System.Net;
using System.Text;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Server;

/// <summary>Requests that are wrong in every way: each is refused with its reason, and none is a fault of the server.</summary>
public sealed class BadRequestTests : IAsyncLifetime
{
    private const string One = "/people_rel_cls";
    private const string Many = "/v1/classify";
    private const string Good = "{\"text\": \"甲和乙是夫妻\", \"people1\": \"甲\", \"people2\": \"乙\"}";
    private const int Limit = 64 * 1024;

    private readonly HeldClassifier _classifier = new();
    private ServerUnderTest _server = null!;

    public async Task InitializeAsync()
    {
        _classifier.ReleaseAll();
        _server = await ServerUnderTest.ServeAsync(_classifier);
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _classifier.Dispose();
    }

    [Theory]
    [InlineData(One, "", HttpStatusCode.BadRequest, "not valid JSON")]
    [InlineData(One, "{\"text\": ", HttpStatusCode.BadRequest, "line 1")]
    [InlineData(One, "[1]", HttpStatusCode.BadRequest, "an object was expected, found a list")]
    [InlineData(One, "null", HttpStatusCode.BadRequest, "found null")]
    [InlineData(One, "{}", HttpStatusCode.BadRequest, "text is missing")]
    [InlineData(One, "{\"text\": 1, \"people1\": [], \"people2\": {}}", HttpStatusCode.BadRequest, "found a number")]
    [InlineData(One, "{\"text\": \"甲和乙\", \"people1\": \"甲\"}", HttpStatusCode.BadRequest, "people2 is missing")]
    [InlineData(One, "{\"text\": \"甲\", \"text\": \"乙\", \"people1\": \"甲\", \"people2\": \"乙\"}", HttpStatusCode.BadRequest, "uplicate")]
    [InlineData(One, "{\"text\": \"\\ud800甲乙\", \"people1\": \"甲\", \"people2\": \"乙\"}", HttpStatusCode.BadRequest, "surrogate")]
    [InlineData(One, "{\"text\": \"甲乙\", \"people1\": \"甲\", \"people2\": \"乙\", \"people1_span\": [0]}", HttpStatusCode.BadRequest, "a span was expected")]
    [InlineData(One, "{\"text\": \"甲乙\", \"people1\": \"甲\", \"people2\": \"乙\", \"people1_span\": [0, 1.5]}", HttpStatusCode.BadRequest, "whole numbers")]
    [InlineData(Many, "{\"items\": [], \"probabilities\": 0}", HttpStatusCode.BadRequest, "true or false was expected")]
    [InlineData(Many, "[]", HttpStatusCode.BadRequest, "found a list")]
    [InlineData(Many, "{\"items\": 3}", HttpStatusCode.BadRequest, "a list was expected")]
    [InlineData(Many, "{\"items\": [" + Good + ", 3]}", HttpStatusCode.BadRequest, "\"item\": 1")]
    [InlineData(One, "{\"text\": \"甲和乙\", \"people1\": \"甲\", \"people2\": \"丙\"}", HttpStatusCode.UnprocessableEntity, "people2 does not occur in the text")]
    [InlineData(One, "{\"text\": \" \", \"people1\": \"甲\", \"people2\": \"丙\"}", HttpStatusCode.UnprocessableEntity, "there is no text")]
    [InlineData(One, "{\"text\": \"甲和乙\", \"people1\": \"\", \"people2\": \"乙\"}", HttpStatusCode.UnprocessableEntity, "people1 has no name")]
    [InlineData(One, "{\"text\": \"<e1>甲</e1>和乙\"}", HttpStatusCode.UnprocessableEntity, "there is no <e2>")]
    [InlineData(One, "{\"text\": \"甲乙\", \"people1\": \"甲\", \"people2\": \"乙\", \"people1_span\": [1, 2]}", HttpStatusCode.UnprocessableEntity, "another text than the name")]
    [InlineData(Many, "{\"items\": [" + Good + ", {\"text\": \"甲\", \"people1\": \"甲\", \"people2\": \"乙\"}]}", HttpStatusCode.UnprocessableEntity, "\"item\": 1")]
    public async Task A_wrong_body_is_refused_with_its_reason(string path, string body, HttpStatusCode status, string reason)
    {
        var reply = (await _server.PostAsync(path, body)).Expect(status);

        Assert.Contains(reason, reply.Body, StringComparison.Ordinal);
        (await _server.DescribeAsync()).AssertAnswer("POST", path, (int)status, reply.ContentType, reply.Body);
    }

    [Fact]
    public async Task What_is_no_text_at_all_is_refused()
    {
        (await _server.PostAsync(One, [.. Encoding.UTF8.GetBytes("{\"text\": \""), 0xff, (byte)'"', (byte)'}'], "application/json")).Expect(HttpStatusCode.BadRequest);
        var deep = (await _server.PostAsync(One, new string('[', 1000) + new string(']', 1000))).Expect(HttpStatusCode.BadRequest);
        Assert.Contains("depth", deep.Detail, StringComparison.OrdinalIgnoreCase);
        foreach (var type in (string?[])["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", null, "nonsense"])
        {
            (await _server.PostAsync(One, Encoding.UTF8.GetBytes(Good), type)).Expect(HttpStatusCode.UnsupportedMediaType);
        }

        (await _server.PostAsync(One, Encoding.UTF8.GetBytes(Good), "application/json; charset=UTF-8")).Expect(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(Limit, HttpStatusCode.OK)]
    [InlineData(Limit + 1, HttpStatusCode.RequestEntityTooLarge)]
    [InlineData(16 * Limit, HttpStatusCode.RequestEntityTooLarge)]
    public async Task A_body_of_more_than_64_KiB_is_refused_where_its_sender_sees_it(int bytes, HttpStatusCode status)
    {
        var body = Encoding.UTF8.GetBytes(Good.PadRight(bytes - Encoding.UTF8.GetByteCount(Good) + Good.Length));
        Assert.Equal(bytes, body.Length);

        (await _server.PostAsync(One, body, "application/json")).Expect(status);
        using var chunked = new HttpRequestMessage(HttpMethod.Post, One) { Content = new StreamContent(new MemoryStream(body)) };
        chunked.Headers.TransferEncodingChunked = true;
        chunked.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        using var response = await _server.Client.SendAsync(chunked);
        Assert.Equal(status, response.StatusCode);
    }

    [Fact]
    public async Task Other_addresses_and_methods_are_refused_as_problems()
    {
        (await _server.GetAsync("/nothing")).Expect(HttpStatusCode.NotFound);
        (await _server.PostAsync("/people_rel_cls/", Good)).Expect(HttpStatusCode.OK);
        var wrong = (await _server.GetAsync(One)).Expect(HttpStatusCode.MethodNotAllowed);
        Assert.Equal("POST", wrong.Headers["Allow"]);
        (await _server.PostAsync("/v1/labels", Good)).Expect(HttpStatusCode.MethodNotAllowed);
        var feedback = (await _server.PostAsync("/v1/feedback", Good)).Expect(HttpStatusCode.NotFound);
        Assert.Contains("--feedback", feedback.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_mutation_of_a_request_is_a_fault_of_the_server()
    {
        HttpStatusCode[] allowed = [HttpStatusCode.OK, HttpStatusCode.BadRequest, HttpStatusCode.UnprocessableEntity];
        string[] words = ["</s>", "<s>", "[CLS]", "<e1>", "</e1>", "<e2>", "</e2>", "\\u0000", "\\ud83d", "\"", "{", "[", "]", ",", "null", "1e999", "\u202e", "😀"];
        var random = new Random(17);
        var document = await _server.DescribeAsync();
        for (var i = LongTests.Count(300, 10_000); i > 0; i--)
        {
            var body = new StringBuilder(i % 2 == 0 ? Good : "{\"items\": [" + Good + ", " + Good + "]}");
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                var at = random.Next(body.Length);
                _ = random.Next(3) switch
                {
                    0 => body.Remove(at, Math.Min(random.Next(1, 6), body.Length - at)).Append(body.Length == 0 ? " " : ""),
                    1 => body.Insert(at, words[random.Next(words.Length)]),
                    _ => body.Replace(body[at], words[random.Next(words.Length)][0], at, 1),
                };
            }

            var path = i % 2 == 0 ? One : Many;
            var reply = await _server.PostAsync(path, body.ToString());
            Assert.True(allowed.Contains(reply.Status), $"{reply.Status}: {body}\n{reply.Body}");
            document.AssertAnswer("POST", path, (int)reply.Status, reply.ContentType, reply.Body);
        }
    }
}
