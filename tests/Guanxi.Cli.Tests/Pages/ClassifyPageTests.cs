using System.Text.Json;
using System.Text.RegularExpressions;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.TestKit;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Guanxi.Cli.Tests.Pages;

/// <summary>The page of <c>serve</c>, in a browser.</summary>
[Collection(SharedProcess.Name)]
public sealed partial class ClassifyPageTests(PageFixture fixture) : IDisposable
{
    private const string Twice = "鲁迅给许广平回信，说鲁迅很好。";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [BrowserFact]
    public async Task People_are_picked_by_selecting_and_a_wrong_label_is_corrected()
    {
        await using var server = await ClassifyServer.StartAsync(fixture, _folder["feedback.jsonl"]);
        await using var tab = await Browser.OpenAsync(server.Address);
        var page = tab.Page;
        await page.FillAsync("#text", "孔子周游列国，弟子颜回相随。");
        await Select(page, 0, 2);
        await page.Keyboard.PressAsync("Alt+Digit1");
        await Select(page, 9, 11);
        await page.Keyboard.PressAsync("Alt+Digit2");
        await Expect(page.Locator("#people1")).ToHaveValueAsync("孔子");
        await Expect(page.Locator("#preview .person2")).ToHaveTextAsync("颜回");
        await page.Keyboard.PressAsync("Control+Enter");

        await Expect(page.Locator("#bars li")).ToHaveCountAsync(5);
        await page.ClickAsync("#more");
        await Expect(page.Locator("#bars li")).ToHaveCountAsync(14);
        await Expect(page.Locator("#bars li.best .name")).ToHaveTextAsync((await page.TextContentAsync("#label"))!);
        await page.SelectOptionAsync("#right", "师生");
        await page.ClickAsync("#send");
        await Expect(page.Locator("#sent")).Not.ToBeEmptyAsync();
        var line = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["feedback.jsonl"])).RootElement;
        Assert.Equal(("师生", 9), (line.GetProperty("label").GetString(), line.GetProperty("people2_span")[0].GetInt32()));
        await page.ClickAsync("summary");
        await page.ClickAsync("#copy");
        await Expect(page.Locator("#copy")).ToHaveTextAsync("已复制");
        var command = await page.EvaluateAsync<string>("() => navigator.clipboard.readText()");
        Assert.StartsWith($"curl '{server.Address}v1/classify'", command, StringComparison.Ordinal);
        Assert.Contains("\"people1_span\":[0,2]", command, StringComparison.Ordinal);
        tab.AssertClean();
    }

    [BrowserFact]
    public async Task Names_are_suggested_and_an_ambiguous_mention_can_be_pointed_at()
    {
        await using var server = await ClassifyServer.StartAsync(fixture);
        await using var tab = await Browser.OpenAsync(server.Address);
        var page = tab.Page;
        await page.FillAsync("#text", Twice);
        await page.ClickAsync("#names button:text-is('鲁迅')");
        await page.FillAsync("#people2", "许广平");
        await page.ClickAsync("#classify");
        await Expect(page.Locator("#warnings")).ToContainTextAsync("鲁迅");
        Assert.True(await page.IsHiddenAsync("#correct"));

        await page.ClickAsync("#preview .mention1");
        await page.ClickAsync("#classify");

        await Expect(page.Locator("#warnings")).Not.ToContainTextAsync("鲁迅");
        await Expect(page.Locator("#curl")).ToContainTextAsync($"[{Twice.LastIndexOf("鲁迅", StringComparison.Ordinal)},");
        await page.FillAsync("#people2", "无此人");
        await page.ClickAsync("#classify");
        await Expect(page.Locator("#message")).ToContainTextAsync("无此人");
    }

    [BrowserFact]
    public async Task A_file_is_classified_and_handed_back_as_csv_and_jsonl()
    {
        await using var server = await ClassifyServer.StartAsync(fixture);
        await using var tab = await Browser.OpenAsync(server.Address, language: "en-US");
        var page = tab.Page;
        string[] table = ["people1,text,people2", "曹操,\"曹操说：\"\"好\"\"，曹植起身\",曹植", "苏轼,苏轼与苏辙,苏洵", .. Enumerable.Repeat("李白,李白送别杜甫,杜甫", 30)];
        var file = _folder.Add("rows.csv", table);
        await page.SetInputFilesAsync("#file", file);
        await Expect(page.Locator("#batch-words")).ToHaveTextAsync("rows.csv: 32 of 32 rows, 1 bad");

        var csv = await page.RunAndWaitForDownloadAsync(() => page.ClickAsync("#csv"));
        Assert.Equal("rows-predicted.csv", csv.SuggestedFilename);
        var lines = await File.ReadAllLinesAsync(await csv.PathAsync());
        Assert.Equal("text,people1,people2,label,confidence,error", lines[0]);
        Assert.StartsWith("\"曹操说：\"\"好\"\"，曹植起身\",曹操,曹植,", lines[1], StringComparison.Ordinal);
        var json = await page.RunAndWaitForDownloadAsync(() => page.ClickAsync("#jsonl"));
        JsonElement[] rows = [.. (await File.ReadAllLinesAsync(await json.PathAsync())).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
        Assert.Equal(32, rows.Length);
        Assert.Equal(2, rows[1].GetProperty("error").GetProperty("row").GetInt32());
        Assert.Equal(14, rows[31].GetProperty("probabilities").EnumerateObject().Count());
        Assert.DoesNotContain(tab.Requests, request => request.Authority != server.Address.Authority && request.Scheme != "blob");
    }

    [BrowserFact]
    public async Task A_file_may_have_the_names_that_training_takes_and_one_without_rows_is_told_why()
    {
        await using var server = await ClassifyServer.StartAsync(fixture);
        await using var tab = await Browser.OpenAsync(server.Address, language: "en-US");
        var page = tab.Page;

        await page.SetInputFilesAsync("#file", _folder.Add("empty.csv"));
        await Expect(page.Locator("#batch-message")).ToContainTextAsync("no column named text");
        await page.SetInputFilesAsync("#file", _folder.Add("null.jsonl", """{"text": "a"}""", "null"));
        await Expect(page.Locator("#batch-message")).ToContainTextAsync("not a JSON object");
        await page.SetInputFilesAsync("#file", _folder.Add("rows.jsonl", """{"sentence": "李白送别杜甫", "entity1": "李白", "entity2": "杜甫"}"""));
        await Expect(page.Locator("#batch-words")).ToHaveTextAsync("rows.jsonl: 1 of 1 rows, 0 bad");
    }

    [Fact]
    public void Files_of_the_page_have_the_names_that_training_takes()
    {
        var script = File.ReadAllText(Path.Combine(Golden.RepositoryRoot, "src", "Guanxi.Cli", "Server", "Page", "tables.js"));
        var ofPage = FieldPattern().Matches(script).SelectMany(field =>
            JsonSerializer.Deserialize<string[]>(field.Groups["names"].Value)!.Select(name => (field.Groups["field"].Value, name)));
        var ofTraining = ColumnMap.FieldByName.Where(item => item.Value != RelationInput.LabelField).Select(item => (item.Value, item.Key));

        Assert.Equal(ofTraining.Order(), ofPage.Order());
    }

    [GeneratedRegex(@"^  (?<field>\w+): (?<names>\[.*\]),$", RegexOptions.Multiline)]
    private static partial Regex FieldPattern();

    [BrowserTheory]
    [InlineData(Browser.DeskWidth, false, "zh-CN")]
    [InlineData(Browser.DeskWidth, true, "en-US")]
    [InlineData(Browser.PhoneWidth, false, "en-US")]
    [InlineData(Browser.PhoneWidth, true, "zh-CN")]
    public async Task It_fits_and_can_be_read(int width, bool isDark, string language)
    {
        await using var server = await ClassifyServer.StartAsync(fixture, _folder["feedback.jsonl"]);
        await using var tab = await Browser.OpenAsync(server.Address, width, isDark, language);
        await tab.AssertLooksAsync($"classify-empty-{width}-{(isDark ? "dark" : "light")}");
        await tab.Page.ClickAsync("#examples button:last-child");
        await Expect(tab.Page.Locator("#bars li")).ToHaveCountAsync(5);
        await tab.Page.ClickAsync("summary");
        await tab.Page.SetInputFilesAsync("#file", AnnotatePageTests.Rows(_folder));
        await Expect(tab.Page.Locator("#rows tr")).ToHaveCountAsync(4);

        await tab.AssertLooksAsync($"classify-{width}-{(isDark ? "dark" : "light")}");
        tab.AssertClean();
    }

    [BrowserFact]
    public async Task The_language_is_the_readers_and_can_be_switched()
    {
        await using var server = await ClassifyServer.StartAsync(fixture);
        await using var tab = await Browser.OpenAsync(server.Address, language: "en-GB");
        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync("Relations");

        await tab.Page.ClickAsync("#language");
        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync("关系判断");
        await tab.Page.ReloadAsync();

        await Expect(tab.Page.Locator("h1")).ToHaveTextAsync("关系判断");
        Assert.Equal("zh-CN", await tab.Page.GetAttributeAsync("html", "lang"));
    }

    [BrowserFact]
    public async Task It_asks_for_a_key_and_waits_for_the_model()
    {
        await using var server = await ClassifyServer.ListenAsync(feedback: null, _folder.Add("keys", "a-key-of-this-test"));
        await using var tab = await Browser.OpenAsync(server.Address, language: "en-US");
        await Expect(tab.Page.Locator("#message")).ToContainTextAsync("asks for a key");
        await tab.Page.FillAsync("#key", "a-key-of-this-test");
        await tab.Page.Keyboard.PressAsync("Enter");
        await Expect(tab.Page.Locator("#message")).ToContainTextAsync("being loaded");

        server.Load(fixture);

        await Expect(tab.Page.Locator("#message")).ToBeHiddenAsync();
        await tab.Page.ClickAsync("#examples button");
        await Expect(tab.Page.Locator("#bars li")).ToHaveCountAsync(5);
        await Expect(tab.Page.Locator("#curl")).Not.ToContainTextAsync("a-key-of-this-test");
    }

    private static async Task Select(IPage page, int start, int end)
    {
        await page.FocusAsync("#text");
        await page.EvaluateAsync("([start, end]) => document.getElementById('text').setSelectionRange(start, end)", new[] { start, end });
    }
}
