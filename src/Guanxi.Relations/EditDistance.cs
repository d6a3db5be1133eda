namespace Guanxi.Relations;

/// <summary>Levenshtein distance, for "did you mean".</summary>
internal static class EditDistance
{
    public static int Between(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[to.Length];
    }

    /// <summary>The known word that is the fewest edits away, when those are at most half of its letters.</summary>
    public static string? Nearest(string word, IEnumerable<string> known)
    {
        var best = known.MinBy(candidate => Between(word, candidate));
        return best is not null && 2 * Between(word, best) <= Math.Max(word.Length, best.Length) ? best : null;
    }
}
