namespace Guanxi.Relations.DataChecks;

/// <summary>A row whose pair occurs in the other order.</summary>
/// <param name="File">Index of the row's file.</param>
/// <param name="Row">The row.</param>
/// <param name="Earlier">The row with the other order.</param>
internal sealed record BothOrders(int File, RelationExample Row, RelationExample Earlier)
{
    /// <summary>Finds marked pairs that occur in both orders in one sentence.</summary>
    /// <param name="files">Rows of each file.</param>
    /// <returns>The later rows, in the order of files and rows.</returns>
    public static IEnumerable<BothOrders> Find(IReadOnlyList<IReadOnlyList<RelationExample>> files)
    {
        var firstByMark = new Dictionary<(string Text, TextSpan First, TextSpan Second), RelationExample>();
        foreach (var (file, rows) in files.Index())
        {
            foreach (var row in rows)
            {
                var (first, second) = Mentions.Locate(row);
                if (first != second && firstByMark.TryGetValue((row.Text, second, first), out var earlier))
                {
                    yield return new BothOrders(file, row, earlier);
                }

                firstByMark.TryAdd((row.Text, first, second), row);
            }
        }
    }
}
