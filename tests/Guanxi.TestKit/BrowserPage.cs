using System.Collections.Concurrent;
using Microsoft.Playwright;
using Xunit;

namespace Guanxi.TestKit;

/// <summary>One page of the browser, with everything it asked for and complained of.</summary>
public sealed class BrowserPage : IAsyncDisposable
{
    /// <summary>Longest wait for anything that a page should show.</summary>
    public const float PatienceMilliseconds = 60_000;

    // WCAG 2.2, 1.4.3: text that is large (24 px, or 18.66 px and bold) may have less.
    private const string ContrastScript =
        """
        () => {
          const parse = text => { const n = text.match(/[\d.]+/g).map(Number); return { rgb: n.slice(0, 3), alpha: n.length > 3 ? n[3] : 1 }; };
          const over = (top, under) => top.rgb.map((value, i) => value * top.alpha + under[i] * (1 - top.alpha));
          const light = rgb => { const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const ground = element => { const layers = [];
            for (let at = element; at; at = at.parentElement) { layers.push(parse(getComputedStyle(at).backgroundColor)); }
            return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]); };
          const poor = [];
          const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (texts.nextNode()) {
            const element = texts.currentNode.parentElement;
            const shown = texts.currentNode.data.trim() && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
            if (!shown || element.closest(':disabled, [aria-disabled=true], .sr-only')) { continue; }
            const style = getComputedStyle(element);
            const under = ground(element);
            const [a, b] = [light(over(parse(style.color), under)), light(under)].sort((x, y) => y - x);
            const size = parseFloat(style.fontSize);
            const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
            const ratio = (a + 0.05) / (b + 0.05);
            if (ratio < least) { poor.push(`${ratio.toFixed(2)}:1 '${texts.currentNode.data.trim().slice(0, 30)}' ${style.color}`); }
          }
          return poor;
        }
        """;

    private const string OverflowScript =
        """
        () => {
          const width = document.documentElement.clientWidth;
          if (document.documentElement.scrollWidth <= width) { return []; }
          return [...document.body.querySelectorAll('*')].filter(element => element.getBoundingClientRect().right > width + 0.5)
            .map(element => `${element.tagName}.${element.className}#${element.id} ends at ${element.getBoundingClientRect().right} of ${width}`)
            .concat([`the page is ${document.documentElement.scrollWidth} wide`]);
        }
        """;

    private readonly IBrowserContext _context;
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly ConcurrentQueue<Uri> _requests = new();

    private BrowserPage(IBrowserContext context, IPage page)
    {
        (_context, Page) = (context, page);
        page.PageError += (_, error) => _errors.Enqueue(error);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
            {
                _errors.Enqueue($"{message.Type}: {message.Text}");
            }
        };
        page.Request += (_, request) => _requests.Enqueue(new Uri(request.Url));
    }

    /// <summary>The page itself.</summary>
    public IPage Page { get; }

    /// <summary>Errors and warnings on the console, and exceptions, so far.</summary>
    public IReadOnlyList<string> Errors => [.. _errors];

    /// <summary>Every address that was asked for, in order.</summary>
    public IReadOnlyList<Uri> Requests => [.. _requests];

    /// <summary>Another tab of the same profile.</summary>
    /// <param name="address">What to open.</param>
    /// <returns>The page; it closes with the first.</returns>
    public Task<BrowserPage> OpenTabAsync(Uri address) => OpenAsync(_context, address);

    /// <summary>Asserts that nothing was complained of, and that nothing was asked of another origin than the page's own.</summary>
    public void AssertClean()
    {
        Assert.Empty(Errors);
        var own = new Uri(Page.Url);
        Assert.DoesNotContain(Requests, request => request.Scheme is not ("data" or "blob") && request.Authority != own.Authority);
    }

    /// <summary>Asserts that the page is no wider than the window, that its text has the contrast of WCAG AA, and takes a picture.</summary>
    /// <param name="name">Name of the picture, without ending, in <c>build/screenshots</c>.</param>
    public async Task AssertLooksAsync(string name)
    {
        await ScreenshotAsync(name);
        await AssertNoOverflowAsync();
        await AssertContrastAsync();
    }

    /// <summary>Asserts that nothing makes the page wider than the window.</summary>
    public async Task AssertNoOverflowAsync() => Assert.Empty(await Page.EvaluateAsync<string[]>(OverflowScript));

    /// <summary>Asserts a contrast of 4.5 to 1, or 3 to 1 for large text, of every text that is shown.</summary>
    public async Task AssertContrastAsync() => Assert.Empty(await Page.EvaluateAsync<string[]>(ContrastScript));

    /// <summary>Takes a picture of the whole page.</summary>
    /// <param name="name">Name without ending.</param>
    /// <returns>Path of the picture, in <c>build/screenshots</c>.</returns>
    public async Task<string> ScreenshotAsync(string name)
    {
        var path = Path.Combine(Golden.RepositoryRoot, "build", "screenshots", $"{name}.png");
        await Page.ScreenshotAsync(new PageScreenshotOptions { Path = path, FullPage = true });
        return path;
    }

    /// <summary>Closes the page and its profile.</summary>
    public async ValueTask DisposeAsync() => await _context.CloseAsync();

    internal static async Task<BrowserPage> OpenAsync(IBrowserContext context, Uri address)
    {
        var page = new BrowserPage(context, await context.NewPageAsync());
        await page.Page.GotoAsync(address.AbsoluteUri);
        return page;
    }
}
