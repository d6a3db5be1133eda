using Guanxi.Relations.Metrics;

namespace Guanxi.Relations.Reporting.Charts;

/// <summary>A confusion as it is drawn: answers that are no label are one column where there are many of them.</summary>
/// <param name="Labels">Labels in the order of the drawing.</param>
/// <param name="Counts">Rows by true label (first index) and predicted label.</param>
internal sealed record ConfusionView(IReadOnlyList<string> Labels, int[][] Counts)
{
    private const string Others = "other answers";
    private const int MostSingleAnswers = 3;

    /// <summary>Makes the view of a report.</summary>
    public static ConfusionView Of(ClassificationReport report)
    {
        int[] kept = [.. Enumerable.Range(0, report.Labels.Count).Where(at => report.PerLabel[at].Support > 0)];
        int[] strange = [.. Enumerable.Range(0, report.Labels.Count).Where(at => report.PerLabel[at].Support == 0)];
        if (strange.Length <= MostSingleAnswers)
        {
            return new ConfusionView(report.Labels, report.Confusion);
        }

        int[][] counts = [.. kept.Select(row => (int[])[.. kept.Select(column => report.Confusion[row][column]),
            strange.Sum(column => report.Confusion[row][column])])];
        return new ConfusionView([.. kept.Select(at => report.Labels[at]), Others], [.. counts, new int[kept.Length + 1]]);
    }

    /// <summary>Which labels are taken for which others, the most frequent first.</summary>
    public IEnumerable<(string Gold, string Predicted, int Rows)> Mistakes() =>
        from gold in Enumerable.Range(0, Labels.Count)
        from predicted in Enumerable.Range(0, Labels.Count)
        where gold != predicted && Counts[gold][predicted] > 0
        orderby Counts[gold][predicted] descending
        select (Labels[gold], Labels[predicted], Counts[gold][predicted]);
}
