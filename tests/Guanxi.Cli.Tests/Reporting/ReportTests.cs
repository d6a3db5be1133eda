using System.Text.Json;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Reporting;

/// <summary>What <c>--report</c> writes, and how it looks in a browser: from a file, without any network.</summary>
public sealed class ReportTests(ReportFixture reports) : IClassFixture<ReportFixture>
{
    [Fact]
    public void An_evaluation_leaves_page_figures_predictions_and_drawing()
    {
        var json = Json(reports.Evaluation);

        Assert.Equal(
            ["confusion.svg", "predictions.jsonl", "report.html", "report.json"],
            Directory.EnumerateFiles(reports.Evaluation).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        var bySentence = json.GetProperty("slices").EnumerateArray().Where(slice => slice.GetProperty("by").GetString() == "sentence")
            .ToArray();
        Assert.Equal(["in_train", "not_in_train"], bySentence.Select(slice => slice.GetProperty("name").GetString()));
        Assert.True(bySentence[0].GetProperty("rows").GetInt32() >= 40);
        Assert.Equal(json.GetProperty("support").GetInt32(), bySentence.Sum(slice => slice.GetProperty("rows").GetInt32()));
        Assert.InRange(json.GetProperty("confident_errors").GetArrayLength(), 1, 20);
    }

    [Fact]
    public void Predictions_that_are_read_again_give_the_same_figures_with_calibration_and_the_rows_named()
    {
        using var folder = new TemporaryFolder();

        var again = InProcess.Run(
            "evaluate", "--predictions", Path.Combine(reports.Evaluation, "predictions.jsonl"), "--data", reports.Test, "--train_file",
            Path.Combine(Golden.RepositoryRoot, "examples", "people", "train.tsv"), "--report", folder["again"], "--json", "-")
                .Expect(ExitCode.Done).LastRow;

        Assert.All(["weighted", "ece", "log_loss", "reliability_bins"], key =>
            Assert.Equal(Json(reports.Evaluation).GetProperty(key).GetRawText(), again.GetProperty(key).GetRawText()));
        Assert.Contains(again.GetProperty("slices").EnumerateArray(), slice => slice.GetProperty("name").GetString() == "in_train");
    }

    [Fact]
    public void A_training_file_that_is_gone_is_told_and_one_that_the_user_names_must_be_there()
    {
        using var folder = new TemporaryFolder();
        var model = folder.Copy(reports.Model, "model");
        folder.Add("model/train_args.json", "{\"train_file\": \"gone.tsv\"}");

        var told = InProcess.Run("evaluate", "--model", model, "--data", reports.Test, "--max_rows", "5").Expect(ExitCode.Done);
        var refused = InProcess.Run("evaluate", "--model", model, "--data", reports.Test, "--train_file", "gone.tsv")
            .Expect(ExitCode.WrongCall);

        Assert.Contains("which sentences were trained on is not known: gone.tsv: there is no such file", told.Error,
            StringComparison.Ordinal);
        Assert.Contains("gone.tsv: there is no such file", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_comparison_leaves_page_table_and_figures()
    {
        Assert.Equal(
            ["comparison.txt", "report.html", "report.json"], Directory.EnumerateFiles(reports.Comparison).Select(Path.GetFileName)
                .Order(StringComparer.Ordinal));
        Assert.Equal(3, Json(reports.Comparison).GetProperty("pairs").GetArrayLength());
    }

    [BrowserTheory]
    [InlineData(Browser.DeskWidth, false)]
    [InlineData(Browser.DeskWidth, true)]
    [InlineData(Browser.PhoneWidth, false)]
    [InlineData(Browser.PhoneWidth, true)]
    public async Task The_page_of_an_evaluation_is_readable(int width, bool isDark)
    {
        await using var page = await Browser.OpenAsync(new Uri(Path.Combine(reports.Evaluation, "report.html")), width, isDark);

        await page.AssertLooksAsync(Name("report-evaluation", width, isDark));
        page.AssertClean();
        Assert.Single(page.Requests);
        Assert.Equal("linear baseline", await page.Page.Locator("h1").TextContentAsync());
        Assert.Equal(8, await page.Page.Locator("section").CountAsync());
        Assert.All(await page.Page.Locator("svg.chart").AllAsync(), chart => Assert.True(chart.IsVisibleAsync().GetAwaiter().GetResult()));
        await AssertTextsAreInsideAsync(page);
    }

    [BrowserTheory]
    [InlineData(Browser.DeskWidth, false)]
    [InlineData(Browser.DeskWidth, true)]
    [InlineData(Browser.PhoneWidth, false)]
    [InlineData(Browser.PhoneWidth, true)]
    public async Task The_page_of_a_comparison_is_readable(int width, bool isDark)
    {
        await using var page = await Browser.OpenAsync(new Uri(Path.Combine(reports.Comparison, "report.html")), width, isDark);

        await page.AssertLooksAsync(Name("report-comparison", width, isDark));
        page.AssertClean();
        Assert.Single(page.Requests);
        Assert.Contains("two seeds", await page.Page.Locator("h1").TextContentAsync(), StringComparison.Ordinal);
        await AssertTextsAreInsideAsync(page);
    }

    [BrowserFact]
    public async Task The_confusion_alone_is_shown_as_a_drawing()
    {
        await using var page = await Browser.OpenAsync(new Uri(Path.Combine(reports.Evaluation, "confusion.svg")));

        page.AssertClean();
        Assert.Equal("img", await page.Page.EvaluateAsync<string>("document.documentElement.getAttribute('role')"));
        await AssertTextsAreInsideAsync(page);
    }

    // Labels are as wide as they come: none may be cut off by the edge of its drawing.
    private static async Task AssertTextsAreInsideAsync(BrowserPage page) => Assert.Empty(await page.Page.EvaluateAsync<string[]>(
        """
        () => [...document.querySelectorAll('svg.chart')].flatMap(chart => {
          const edge = chart.getBoundingClientRect();
          return [...chart.querySelectorAll('text')].filter(text => {
            const box = text.getBoundingClientRect();
            return box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 1 || box.bottom > edge.bottom + 1;
          }).map(text => text.textContent);
        })
        """));

    private static string Name(string report, int width, bool isDark) =>
        $"{report}-{(width == Browser.PhoneWidth ? "phone" : "desk")}-{(isDark ? "dark" : "light")}";

    private static JsonElement Json(string folder) =>
        JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(Path.Combine(folder, "report.json")));
}
