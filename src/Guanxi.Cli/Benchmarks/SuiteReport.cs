using System.Globalization;
using System.Text.Json.Nodes;
using Guanxi.Relations.Reporting;

namespace Guanxi.Cli.Benchmarks;

/// <summary>The results of all benchmarks as a table, as a page and for machines.</summary>
/// <param name="results">The results.</param>
/// <param name="facts">What the figures depend on.</param>
internal sealed class SuiteReport(IReadOnlyList<Measured> results, IReadOnlyList<KeyValuePair<string, string>> facts)
{
    private const string Failed = "failed";
    private const int ColumnGap = 2;

    private static readonly string[] s_headings = ["figure", "value", "of the peak", "goal", "command"];

    /// <summary>Whether a measurement failed.</summary>
    public bool HasFailure => results.Any(result => result.Failure is not null);

    private IEnumerable<Figure> Figures => results.SelectMany(result => result.Figures);

    /// <summary>Writes the table.</summary>
    public void WriteTable(TextWriter output)
    {
        string[][] rows = [s_headings, .. results.SelectMany(Rows)];
        var widths = Enumerable.Range(0, s_headings.Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            output.WriteLine(string.Concat(row.Select((cell, column) => cell.PadRight(widths[column] + ColumnGap))).TrimEnd());
        }

        output.WriteLine();
        output.WriteLine(Lead());
    }

    /// <summary>The page.</summary>
    /// <returns>HTML without script.</returns>
    public string ToHtml()
    {
        var page = new ReportPage();
        foreach (var (index, topic) in results.GroupBy(result => result.Measurement.Topic).Index())
        {
            page.Section($"topic-{index}", topic.Key, html => WriteTopic(html, topic));
        }

        return page.About(facts).ToHtml("Measurements", $"Guanxi {ProgramVersion.Number}", Lead());
    }

    /// <summary>The machine form.</summary>
    /// <param name="elapsed">Time that everything took.</param>
    public JsonObject ToJson(TimeSpan elapsed) => new()
    {
        ["case"] = "all",
        ["machine"] = new JsonObject(facts.Select(fact => KeyValuePair.Create(fact.Key, (JsonNode?)fact.Value))),
        ["figures"] = new JsonArray([.. results.SelectMany(result => result.ToJson())]),
        ["seconds"] = elapsed.TotalSeconds,
    };

    private static IEnumerable<string[]> Rows(Measured result) => result.Failure is null
        ? result.Figures.Select(figure => (string[])[figure.Name, figure.ValueText, figure.ShareText, figure.GoalText, result.Measurement.Command])
        : [[result.Measurement.Topic, Failed, string.Empty, result.Failure, result.Measurement.Command]];

    private static void WriteTopic(MarkupWriter html, IEnumerable<Measured> results)
    {
        html.OpenTable("Figures", "Figure", "Value", "Of the peak", "Goal", "Command");
        foreach (var result in results)
        {
            foreach (var figure in result.Figures)
            {
                html.OpenRow(figure.Name).Element("td", figure.ValueText).Element("td", figure.ShareText)
                    .Element("td", figure.GoalText, ("class", figure.Goal switch { null => null, { IsMet: true } => "better", _ => "worse" }));
                WriteCommand(html, result).Close();
            }

            if (result.Failure is { } failure)
            {
                html.OpenRow(result.Measurement.Topic).Element("td", Failed, ("class", "worse")).Element("td", string.Empty)
                    .Element("td", failure, ("class", "left"));
                WriteCommand(html, result).Close();
            }
        }

        html.CloseTable();
    }

    private static MarkupWriter WriteCommand(MarkupWriter html, Measured result) =>
        html.Open("td", ("class", "left")).Element("code", result.Measurement.Command).Close();

    /// <summary>The most important in a sentence.</summary>
    private string Lead()
    {
        var goals = Figures.Where(figure => figure.Goal is not null).ToArray();
        var failed = results.Count(result => result.Failure is not null);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Numbers.Count(Figures.Count(), "figure")} on {Machine.Processor}; of {Numbers.Count(goals.Length, "goal")} {goals.Count(figure => figure.Goal!.IsMet)} met"
            + $"{(failed == 0 ? string.Empty : $"; {Numbers.Count(failed, "measurement")} failed")}.");
    }
}
