using System.Security.Cryptography;
using System.Text;

namespace Guanxi.Relations.DataChecks;

/// <summary>Deals rows to parts so that no group is in two.</summary>
internal static class GroupParts
{
    /// <summary>Deals rows.</summary>
    /// <param name="keys">The group of every row.</param>
    /// <param name="shares">Share of the rows for part 1, 2 and so on; what they leave is part 0.</param>
    /// <param name="seed">The same seed gives the same parts, in whatever order the rows come.</param>
    /// <returns>The part of every row.</returns>
    /// <remarks>Groups go by a hash of seed and content, so that adding rows to a data set hardly changes where the old ones go.</remarks>
    public static int[] Assign(IReadOnlyList<string> keys, IReadOnlyList<double> shares, long seed)
    {
        var groups = keys.CountBy(key => key, StringComparer.Ordinal).OrderBy(group => Rank(group.Key, seed), StringComparer.Ordinal).ToList();
        var partOf = new Dictionary<string, int>(StringComparer.Ordinal);
        var (wanted, count) = (0.0, 0);
        for (var part = 1; part <= shares.Count; part++)
        {
            // Shares add up, so that what one part has too much the next one gets less.
            wanted += shares[part - 1] * keys.Count;
            foreach (var group in groups.Where(group => !partOf.ContainsKey(group.Key)))
            {
                // A group is taken while that brings the count nearer to what is wanted.
                if (Math.Abs(count + group.Value - wanted) < Math.Abs(count - wanted))
                {
                    partOf.Add(group.Key, part);
                    count += group.Value;
                }
            }
        }

        return [.. keys.Select(key => partOf.GetValueOrDefault(key))];
    }

    private static string Rank(string key, long seed) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}\n{key}")));
}
