using System.Net;
using System.Text.Json;
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.TestKit;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Cli.Tests.Server;

/// <summary>Every method behind the same addresses, answering what the library answers and what the description promises.</summary>
[Collection(SharedProcess.Name)]
public sealed class ServedMethodTests(TrainedMethodsFixture trained)
{
    // The same pass of the same model; JSON has all digits.
    private const double Tolerance = 1e-12;

    [Theory]
    [GoldenInlineData("golden/tokenizers/nano-spm", Methods.Tfidf)]
    [GoldenInlineData("golden/tokenizers/nano-spm", Methods.Llm)]
    [GoldenInlineData("golden/tokenizers/nano-spm", TrainedMethodsFixture.FourBits)]
    [GoldenInlineData("golden/tokenizers/nano-wordpiece", Methods.RBert)]
    [GoldenInlineData("golden/tokenizers/nano-wordpiece", Methods.BertCls)]
    [GoldenInlineData("golden/tokenizers/nano-wordpiece", Methods.BertBiGruAtt)]
    public async Task A_method_is_served_as_it_is_described(string method)
    {
        var folder = trained.ModelOf(method);
        using var leaks = new LeakCheck();
        using var model = TrainedModel.Load(folder, new LanguageModelOptions());
        var place = new SourcePlace("test", 1, 1);
        var row = new RelationExample("曹操带着曹植登上铜雀台", "曹操", "曹植", null, null, null, place);
        var expected = model.Classifier.Classify([row])[0].Prediction!;
        await using var server = await ServerUnderTest.ServeAsync(model.Classifier);
        var document = await server.DescribeAsync();

        var one = (await server.PostAsync("/people_rel_cls", document.Example("POST", "/people_rel_cls"))).Expect(HttpStatusCode.OK);
        var many = (await server.PostAsync("/v1/classify",
            $$"""{"items": [{"text": "{{new string('又', 70)}}甲和甲和</s>[CLS]乙", "people1": "甲", "people2": "乙"}, {"text": "<e1>苏洵</e1>携长子<e2>苏轼</e2>进京"}]}""")).Expect(HttpStatusCode.OK);
        var single = (await server.PostAsync("/v1/classify", document.Example("POST", "/people_rel_cls"))).Expect(HttpStatusCode.OK);
        var label = (await server.PostAsync("/v1/classify", document.Example("POST", "/people_rel_cls")[..^1] + ", \"probabilities\": false, \"people1_span\": [0, 2]}")).Expect(HttpStatusCode.OK);
        var labels = (await server.GetAsync("/v1/labels")).Expect(HttpStatusCode.OK);

        document.AssertAnswer("POST", "/people_rel_cls", 200, one.ContentType, one.Body);
        document.AssertAnswer("POST", "/v1/classify", 200, many.ContentType, many.Body);
        document.AssertAnswer("GET", "/v1/labels", 200, labels.ContentType, labels.Body);
        Assert.Equal(expected.Label, one.Json.GetProperty("result").GetString());
        Assert.Equal(expected.Confidence, one.Json.GetProperty("confidence").GetDouble(), Tolerance);
        Assert.Equal(model.Schema.Labels, one.Json.GetProperty("probabilities").EnumerateObject().Select(member => member.Name));
        Assert.Equal(expected.Probabilities, one.Json.GetProperty("probabilities").EnumerateObject().Select(member => member.Value.GetDouble()));
        Assert.Equal(model.Schema.Labels, labels.Json.GetProperty("labels").EnumerateArray().Select(label => label.GetString()));
        Assert.Equal(one.Json.GetProperty("probabilities").GetRawText(), single.Json.GetProperty("items")[0].GetProperty("probabilities").GetRawText());
        document.AssertAnswer("POST", "/v1/classify", 200, label.ContentType, label.Body);
        Assert.Equal(["label", "warnings"], label.Json.GetProperty("items")[0].EnumerateObject().Select(member => member.Name));
        Assert.Equal(expected.Label, label.Json.GetProperty("items")[0].GetProperty("label").GetString());
        Assert.Equal("model", many.Json.GetProperty("model").GetString());
        var items = many.Json.GetProperty("items").EnumerateArray().ToArray();
        Assert.Equal(2, items.Length);
        var warnings = Warnings(items[0]);
        Assert.Contains(warnings, warning => warning.StartsWith("ambiguous_mention: people1 stands 2 times", StringComparison.Ordinal));
        Assert.Equal(method is Methods.RBert or Methods.BertCls or Methods.BertBiGruAtt, warnings.Any(warning => warning.StartsWith("truncated: ", StringComparison.Ordinal)));
        var far = $"{{\"text\": \"{new string('又', 70)}甲和乙\", \"people1\": \"甲\", \"people2\": \"乙\"}}";
        var cut = (await server.PostAsync("/people_rel_cls", far)).Expect(HttpStatusCode.OK);
        document.AssertAnswer("POST", "/people_rel_cls", 200, cut.ContentType, cut.Body);
        Assert.Equal(method is Methods.RBert or Methods.BertCls or Methods.BertBiGruAtt, cut.Json.TryGetProperty("warnings", out _));
        Assert.Equal(items[1].GetProperty("confidence").GetDouble() < 0.5, Warnings(items[1]).Any(warning => warning.StartsWith("low_confidence: ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task What_is_described_is_there_and_nothing_else()
    {
        using var classifier = new HeldClassifier();
        classifier.ReleaseAll();
        await using var server = await ServerUnderTest.ServeAsync(classifier);
        var document = await server.DescribeAsync();

        Assert.Equal(
            ["GET /healthz", "GET /metrics", "GET /openapi/v1.json", "GET /readyz", "GET /v1/labels", "POST /people_rel_cls", "POST /v1/classify", "POST /v1/feedback"],
            document.Operations.Order(StringComparer.Ordinal));
        foreach (var path in (string[])["/healthz", "/metrics", "/openapi/v1.json", "/readyz", "/v1/labels"])
        {
            var reply = (await server.GetAsync(path)).Expect(HttpStatusCode.OK);
            document.AssertAnswer("GET", path, 200, reply.ContentType, reply.Body);
        }

        foreach (var path in (string[])["/people_rel_cls", "/v1/classify"])
        {
            var example = document.Example("POST", path);
            Assert.True(document.Takes("POST", path, JsonSerializer.Deserialize<JsonElement>(example)));
            (await server.PostAsync(path, example)).Expect(HttpStatusCode.OK);
        }

        Assert.False(document.Takes("POST", "/people_rel_cls", JsonSerializer.Deserialize<JsonElement>("{\"text\": 3}")));
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public async Task A_text_that_is_too_long_for_a_language_model_is_refused_not_cut()
    {
        using var model = TrainedModel.Load(trained.ModelOf(Methods.Llm), new LanguageModelOptions());
        await using var server = await ServerUnderTest.ServeAsync(model.Classifier);

        var reply = (await server.PostAsync("/people_rel_cls", $"{{\"text\": \"甲和乙{new string('又', 600)}\", \"people1\": \"甲\", \"people2\": \"乙\"}}"))
            .Expect(HttpStatusCode.UnprocessableEntity);

        Assert.Contains("longer than the model can read", reply.Body, StringComparison.Ordinal);
    }

    private static string[] Warnings(JsonElement item) => [.. item.GetProperty("warnings").EnumerateArray().Select(warning => warning.GetString()!)];
}
