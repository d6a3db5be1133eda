using Guanxi.TestKit;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Guanxi.Cli.Tests.Pages;

/// <summary>The page of <c>data annotate</c>, in a browser.</summary>
[Collection(SharedProcess.Name)]
public sealed class AnnotatePageTests(PageFixture fixture) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [BrowserFact]
    public async Task Rows_are_labelled_by_key_and_everything_is_there_after_a_restart()
    {
        var data = Rows(_folder);
        await using (var server = await AnnotateServer.StartAsync(_folder["work.db"], data))
        {
            await using var tab = await Browser.OpenAsync(server.Address);
            var page = tab.Page;
            await At(page, 1);
            await page.Keyboard.PressAsync("1");
            await At(page, 2);
            await page.Keyboard.PressAsync("/");
            await page.Keyboard.TypeAsync("3 是谁？");
            await page.Keyboard.PressAsync("Escape");
            await page.Keyboard.PressAsync("3");
            await At(page, 3);
            await page.Keyboard.PressAsync("Space");
            await At(page, 4);
            await Expect(page.Locator("#progress-words")).ToHaveTextAsync("已标注 2 / 4，跳过 1");
            tab.AssertClean();
        }

        await using var again = await AnnotateServer.StartAsync(_folder["work.db"], data);
        await using var resumed = await Browser.OpenAsync(again.Address);
        await At(resumed.Page, 4);
        Assert.Equal("3 是谁？", again.Store.Row(2)!.Mark.Note);
        await resumed.Page.Keyboard.PressAsync("Control+z");
        await At(resumed.Page, 3);
        await Expect(resumed.Page.Locator("#state")).ToHaveTextAsync("未标注");
        var file = await resumed.Page.RunAndWaitForDownloadAsync(() => resumed.Page.ClickAsync("#export"));
        Assert.Equal("rows-labelled.tsv", file.SuggestedFilename);
        Assert.Equal(
            "label\tcontent\n父母\t<e1>曹操</e1>带着<e2>曹植</e2>登上铜雀台\n师生\t<e1>孔子</e1>与弟子<e2>颜回</e2>\n", await File.ReadAllTextAsync(await file.PathAsync()));
    }

    [BrowserFact]
    public async Task Two_tabs_do_not_lose_each_others_work()
    {
        await using var server = await AnnotateServer.StartAsync(_folder["work.db"], Rows(_folder));
        await using var first = await Browser.OpenAsync(server.Address);
        var second = await first.OpenTabAsync(server.Address);
        await At(first.Page, 1);
        await At(second.Page, 1);

        await first.Page.Keyboard.PressAsync("1");
        await At(first.Page, 2);
        await second.Page.Keyboard.PressAsync("4");

        await Expect(second.Page.Locator("#message")).ToContainTextAsync("另一个窗口");
        await Expect(second.Page.Locator("#state")).ToContainTextAsync("父母");
        Assert.Equal("父母", server.Store.Row(1)!.Mark.Label);
        await second.Page.Keyboard.PressAsync("4");
        await At(second.Page, 2);
        Assert.Equal("好友", server.Store.Row(1)!.Mark.Label);
    }

    [BrowserFact]
    public async Task A_model_suggests_and_a_filter_shows_where_it_disagrees()
    {
        var data = _folder.Add("rows.tsv", Commands.TrainedModelFixture.SampleLines("test.tsv", every: 20, 8));
        await using var server = await AnnotateServer.StartAsync(_folder["work.db"], data, fixture);
        await using var tab = await Browser.OpenAsync(server.Address, language: "en-US");
        var page = tab.Page;
        await Expect(page.Locator("#model-words")).ToContainTextAsync("Disagreeing", new LocatorAssertionsToContainTextOptions { Timeout = BrowserPage.PatienceMilliseconds });
        await page.Keyboard.PressAsync("Delete");
        await Expect(page.Locator("#state")).ToContainTextAsync("Not labelled");
        var best = await page.Locator(".choice.best .name").TextContentAsync();
        await page.Keyboard.PressAsync("Enter");
        await At(page, 2, "Row 2 of 8");
        Assert.Equal(best, server.Store.Row(1)!.Mark.Label);

        var other = await page.Locator(".choice:not(.best) .name").First.TextContentAsync();
        await page.Locator(".choice:not(.best)").First.ClickAsync();
        await At(page, 3, "Row 3 of 8");
        await page.SelectOptionAsync("#filter", "disagreeing");
        await page.ClickAsync("#previous");
        await At(page, 2, "Row 2 of 8");
        await Expect(page.Locator("#state")).ToContainTextAsync(other!);
        tab.AssertClean();
    }

    [BrowserTheory]
    [InlineData(Browser.DeskWidth, false, "zh-CN")]
    [InlineData(Browser.DeskWidth, true, "en-US")]
    [InlineData(Browser.PhoneWidth, false, "en-US")]
    [InlineData(Browser.PhoneWidth, true, "zh-CN")]
    public async Task It_fits_and_can_be_read(int width, bool isDark, string language)
    {
        var data = _folder.Add("rows.tsv", Commands.TrainedModelFixture.SampleLines("test.tsv", every: 20, 8));
        await using var server = await AnnotateServer.StartAsync(_folder["work.db"], data, fixture);
        await using var tab = await Browser.OpenAsync(server.Address, width, isDark, language);
        await Expect(tab.Page.Locator(".choice.best")).ToHaveCountAsync(1);
        await tab.Page.Keyboard.PressAsync("ArrowRight");
        await Expect(tab.Page.Locator("#row-heading")).ToContainTextAsync("2");
        await tab.Page.Keyboard.PressAsync("Space");
        await Expect(tab.Page.Locator("#row-heading")).ToContainTextAsync("3");
        await Expect(tab.Page.Locator(".choice.best")).ToHaveCountAsync(1);

        await tab.AssertLooksAsync($"annotate-{width}-{(isDark ? "dark" : "light")}");
        tab.AssertClean();
    }

    internal static string Rows(TemporaryFolder folder) => folder.Add(
        "rows.jsonl",
        """{"text": "曹操带着曹植登上铜雀台", "people1": "曹操", "people2": "曹植"}""",
        """{"text": "孔子与弟子颜回", "people1": "孔子", "people2": "颜回"}""",
        """{"text": "李白送别杜甫", "people1": "李白", "people2": "杜甫"}""",
        """{"text": "苏轼写信给苏辙", "people1": "苏轼", "people2": "苏辙"}""");

    private static Task At(IPage page, int number, string? heading = null) =>
        Expect(page.Locator("#row-heading")).ToHaveTextAsync(heading ?? $"第 {number} 行，共 4 行");
}
