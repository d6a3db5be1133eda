using System.Globalization;
using System.Text;

namespace Guanxi.Relations.Metrics;

/// <summary>Lays a classification report out as scikit-learn does.</summary>
internal static class ReportText
{
    private const int ColumnWidth = 9;
    private const string LongestHeading = "weighted avg";

    public static string Of(ClassificationReport report)
    {
        var width = report.Labels.Append(LongestHeading).Max(CodePointOrder.Count);
        var text = new StringBuilder();
        AppendRow(text, width, "", ["precision", "recall", "f1-score", "support"]);
        text.Append('\n');
        foreach (var row in report.PerLabel)
        {
            AppendRow(text, width, row.Label, [.. Numbers(row.Scores), Whole(row.Support)]);
        }

        text.Append('\n');
        AppendRow(text, width, report.HasAccuracyLine ? "accuracy" : "micro avg",
            [.. report.HasAccuracyLine ? ["", "", Fixed4(report.Micro.F1)] : Numbers(report.Micro), Whole(report.Support)]);
        AppendRow(text, width, "macro avg", [.. Numbers(report.Macro), Whole(report.Support)]);
        AppendRow(text, width, LongestHeading, [.. Numbers(report.Weighted), Whole(report.Support)]);
        return text.ToString();
    }

    /// <summary>A number from 0 to 1 with four digits, rounded half to even on its exact binary value, as Python does.</summary>
    /// <remarks>.NET rounds such ties away from zero, and Math.Round multiplies first, which can make a tie where there is none.</remarks>
    public static string Fixed4(double number)
    {
        const double Scale = 10_000;
        var scaled = number * Scale;
        var lost = Math.FusedMultiplyAdd(number, Scale, -scaled);
        var whole = (long)Math.Floor(scaled);
        var fraction = scaled - whole;
        var isUp = fraction > 0.5 || (fraction == 0.5 && (lost > 0 || (lost == 0 && whole % 2 == 1)));
        var digits = whole + (isUp ? 1 : 0);
        return string.Create(CultureInfo.InvariantCulture, $"{digits / (long)Scale}.{digits % (long)Scale:D4}");
    }

    private static string[] Numbers(Scores scores) => [Fixed4(scores.Precision), Fixed4(scores.Recall), Fixed4(scores.F1)];

    private static string Whole(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static void AppendRow(StringBuilder text, int width, string heading, IReadOnlyList<string> cells)
    {
        text.Append(' ', width - CodePointOrder.Count(heading)).Append(heading).Append(' ');
        foreach (var cell in cells)
        {
            text.Append(' ').Append(' ', Math.Max(0, ColumnWidth - cell.Length)).Append(cell);
        }

        text.Append('\n');
    }
}
