using System.Globalization;

namespace Guanxi.Cli;

/// <summary>Sizes for people.</summary>
internal static class Bytes
{
    private static readonly string[] s_units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>A size with three digits or so, e.g. <c>1.37 GiB</c>.</summary>
    public static string Show(long bytes)
    {
        double size = bytes;
        var unit = 0;
        while (size >= 1000 && unit < s_units.Length - 1)
        {
            size /= 1024;
            unit++;
        }

        var digits = unit == 0 || size >= 100 ? "0" : size >= 10 ? "0.0" : "0.00";
        return $"{size.ToString(digits, CultureInfo.InvariantCulture)} {s_units[unit]}";
    }
}
