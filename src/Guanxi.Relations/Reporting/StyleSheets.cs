using System.Reflection;

namespace Guanxi.Relations.Reporting;

/// <summary>The style sheets that come with the program.</summary>
internal static class StyleSheets
{
    /// <summary>Colours, light and dark, and everything in drawings.</summary>
    public static string Charts { get; } = Read("charts.css");

    /// <summary>Everything else of a page.</summary>
    public static string Page { get; } = Read("page.css");

    private static string Read(string name)
    {
        var resource = $"{typeof(StyleSheets).Namespace}.Style.{name}";
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)
            ?? throw new InvalidOperationException($"no resource {resource}");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
