using System.Text;

namespace Guanxi.Relations.Reporting;

/// <summary>The language of parts of a page, by which a browser chooses the shapes of ideographs and a reader the voice.</summary>
internal static class Languages
{
    /// <summary>The language of the page.</summary>
    public const string Page = "en";

    private const string Chinese = "zh-Hans";
    private const int FirstIdeograph = 0x2E80;

    /// <summary>The value of a <c>lang</c> attribute; null where the page's own holds.</summary>
    public static string? Of(string text) => text.EnumerateRunes().Any(IsWide) ? Chinese : null;

    /// <summary>Whether a character is as wide as its font is large.</summary>
    public static bool IsWide(Rune rune) => rune.Value >= FirstIdeograph;
}
