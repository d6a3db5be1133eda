using System.ComponentModel;
using System.Diagnostics;
using Microsoft.Playwright;
using Xunit;

namespace Guanxi.TestKit;

/// <summary>The machine's own Chromium, started once for the test assembly and without its window.</summary>
public static class Browser
{
    /// <summary>A desk's screen: CSS pixels.</summary>
    public const int DeskWidth = 1280;

    /// <summary>A telephone held upright: CSS pixels.</summary>
    public const int PhoneWidth = 390;

    private const int Height = 850;

    private static readonly string[] s_programs = ["chromium", "chromium-browser", "google-chrome"];
    private static readonly Lazy<string?> s_program = new(FindProgram);
    private static readonly Lazy<string?> s_missing = new(FindMissing);
    private static readonly Lazy<Task<IBrowser>> s_browser = new(StartAsync);

    /// <summary>Why there can be no browser here; null when there can.</summary>
    public static string? Missing => s_missing.Value;

    /// <summary>Opens a page in a profile of its own and waits until it is loaded.</summary>
    /// <param name="address">What to open: http, https or file.</param>
    /// <param name="width">CSS pixels.</param>
    /// <param name="isDark">Whether the reader prefers dark colours.</param>
    /// <param name="language">The reader's language: sets Accept-Language and <c>navigator.language</c>.</param>
    /// <returns>The page, owned by the caller.</returns>
    public static async Task<BrowserPage> OpenAsync(Uri address, int width = DeskWidth, bool isDark = false, string language = "zh-CN")
    {
        var browser = await s_browser.Value;
        var context = await browser.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = Height },
            ColorScheme = isDark ? ColorScheme.Dark : ColorScheme.Light,
            ReducedMotion = ReducedMotion.Reduce,
            Locale = language,
            AcceptDownloads = true,
            Permissions = address.Scheme == Uri.UriSchemeFile ? [] : ["clipboard-read", "clipboard-write"],
        });
        context.SetDefaultTimeout(BrowserPage.PatienceMilliseconds);
        return await BrowserPage.OpenAsync(context, address);
    }

    private static async Task<IBrowser> StartAsync()
    {
        // The driver ends when its input closes, and the browser with it: nothing survives the test host.
        var playwright = await Playwright.CreateAsync();
        return await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = s_program.Value,

            // Chromium refuses its sandbox to root.
            ChromiumSandbox = !Environment.IsPrivilegedProcess,
            Args = ["--disable-gpu", "--font-render-hinting=none"],
        });
    }

    private static string? FindProgram() =>
        (from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
         from program in s_programs
         select Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static string? FindMissing() =>
        s_program.Value is null ? "needs Chromium, which is not here (apt-get install chromium)"
        : !Environment.IsPrivilegedProcess && !CanSandbox() ? "needs Chromium, whose sandbox this machine forbids (no user namespaces)"
        : null;

    private static bool CanSandbox()
    {
        if (File.Exists("/usr/lib/chromium/chrome-sandbox"))
        {
            return true;
        }

        try
        {
            var start = new ProcessStartInfo("unshare", ["--user", "true"]) { RedirectStandardError = true };
            using var process = Process.Start(start)!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            // Without the command nothing is known; the browser itself will say.
            return true;
        }
    }
}

/// <summary>A fact that needs a browser; it counts as skipped, with the reason, where there is none.</summary>
public sealed class BrowserFactAttribute : FactAttribute
{
    /// <summary>Skips when there can be no browser.</summary>
    public BrowserFactAttribute() => Skip = Browser.Missing;
}

/// <summary>A theory that needs a browser; see <see cref="BrowserFactAttribute"/>.</summary>
public sealed class BrowserTheoryAttribute : TheoryAttribute
{
    /// <summary>Skips when there can be no browser.</summary>
    public BrowserTheoryAttribute() => Skip = Browser.Missing;
}
