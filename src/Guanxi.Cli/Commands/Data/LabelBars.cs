using System.Globalization;

namespace Guanxi.Cli.Commands.Data;

/// <summary>Rows of every label as lines; in a terminal with bars.</summary>
internal static class LabelBars
{
    private const string Eighths = "▏▎▍▌▋▊▉█";
    private const int BarWidth = 40;

    /// <summary>Writes a line for every label.</summary>
    /// <param name="labels">Rows of every label.</param>
    /// <param name="all">Rows in all.</param>
    /// <param name="text">Where to.</param>
    /// <param name="hasBars">Whether who reads it sees block characters as such.</param>
    public static void Show(IReadOnlyList<KeyValuePair<string, int>> labels, int all, TextWriter text, bool hasBars)
    {
        var (width, most) = (labels.Max(label => Width(label.Key)), labels.Max(label => label.Value));
        var digits = most.ToString(CultureInfo.InvariantCulture).Length;
        foreach (var (label, rows) in labels)
        {
            var number = rows.ToString(CultureInfo.InvariantCulture).PadLeft(digits);
            var share = string.Create(CultureInfo.InvariantCulture, $"{100.0 * rows / all,5:F1} %");
            var bar = hasBars ? "  " + Bar((double)rows / most) : string.Empty;
            text.WriteLine($"  {label}{new string(' ', width - Width(label))}  {number}  {share}{bar}");
        }
    }

    /// <summary>A bar of blocks, in eighths of one.</summary>
    internal static string Bar(double share)
    {
        var eighths = (int)Math.Round(share * BarWidth * Eighths.Length, MidpointRounding.AwayFromZero);
        var (whole, part) = (eighths / Eighths.Length, eighths % Eighths.Length);
        return new string(Eighths[^1], whole) + (part > 0 ? Eighths[part - 1] : string.Empty);
    }

    /// <summary>Columns that a terminal gives a text: two for the signs of East Asian scripts.</summary>
    internal static int Width(string text) => text.EnumerateRunes().Sum(rune => IsWide(rune.Value) ? 2 : 1);

    // East Asian Width W and F (Unicode annex 11), in the ranges that labels are written in.
    private static bool IsWide(int sign) =>
        sign is (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF)
            or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6) or (>= 0x20000 and <= 0x3FFFD);
}
