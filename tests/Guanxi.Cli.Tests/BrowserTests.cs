using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests;

/// <summary>The browser kit sees what it is there to see.</summary>
public sealed class BrowserTests
{
    private const string Page =
        """
        <!doctype html><html lang="zh"><head><meta charset="utf-8"><title>试</title><style>
        @media (prefers-color-scheme: dark) { body { background: #111; color: #eee } }
        </style></head><body><p>曹操与曹植是父子</p>BODY</body></html>
        """;

    [BrowserFact]
    public async Task A_good_page_passes_in_both_colour_schemes()
    {
        using var folder = new TemporaryFolder();
        var address = new Uri(folder.Add("good.html", Page.Replace("BODY", "", StringComparison.Ordinal)));
        await using var light = await Browser.OpenAsync(address, Browser.PhoneWidth);
        await using var dark = await Browser.OpenAsync(address, Browser.PhoneWidth, isDark: true);

        await light.AssertLooksAsync("kit-light");
        await dark.AssertLooksAsync("kit-dark");
        light.AssertClean();
        Assert.Equal("rgb(17, 17, 17)", await dark.Page.EvaluateAsync<string>("() => getComputedStyle(document.body).backgroundColor"));
    }

    [BrowserFact]
    public async Task A_bad_page_is_seen_to_be_bad()
    {
        using var folder = new TemporaryFolder();
        const string Bad = "<p style='color: #999; width: 2000px'>灰</p><script>console.error('broken')</script><img src='http://127.0.0.1:9/'>";
        await using var bad = await Browser.OpenAsync(new Uri(folder.Add("bad.html", Page.Replace("BODY", Bad, StringComparison.Ordinal))));

        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(bad.AssertNoOverflowAsync);
        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(bad.AssertContrastAsync);
        Assert.Contains("error: broken", bad.Errors);
        Assert.Contains(bad.Requests, request => request.Authority == "127.0.0.1:9");
    }
}
