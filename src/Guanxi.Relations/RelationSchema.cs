using Guanxi.Transformers;

namespace Guanxi.Relations;

/// <summary>
/// The closed list of relations of a task: an order, one canonical spelling each, and other spellings that are read but never
/// scored.
/// </summary>
public sealed class RelationSchema
{
    private readonly Dictionary<string, int> _indexBySpelling;

    private RelationSchema(
        IReadOnlyList<string> labels, IReadOnlyList<IReadOnlyList<string>> aliases, Dictionary<string, int> indexBySpelling)
    {
        Labels = labels;
        _indexBySpelling = indexBySpelling;
        Aliases = labels.Zip(aliases).Where(pair => pair.Second.Count > 0).ToDictionary(pair => pair.First, pair => pair.Second);
    }

    /// <summary>The canonical spellings; a label's place is its class index.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>Other spellings by canonical one; a label without any has no entry.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Aliases { get; }

    /// <summary>Makes a schema from explicit labels, in their order.</summary>
    /// <param name="labels">Canonical spelling first, then its aliases; at least two labels. The usual aliases are added.</param>
    /// <param name="where">What to call the source in an error, e.g. the file.</param>
    /// <returns>The schema.</returns>
    /// <exception cref="OptionsException">A spelling is empty, stands twice, or two labels mean the same.</exception>
    public static RelationSchema FromLabels(IReadOnlyList<IReadOnlyList<string>> labels, string where)
    {
        var problems = new List<Problem>();
        var indexBySpelling = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var index = 0; index < labels.Count; index++)
        {
            foreach (var spelling in labels[index])
            {
                CheckSpelling(spelling, index, labels, indexBySpelling, where, problems);
            }
        }

        if (labels.Count < 2)
        {
            problems.Add(new Problem(where, "a classification needs at least two labels", null, $"{labels.Count}"));
        }

        for (var index = 0; index < labels.Count && problems.Count == 0; index++)
        {
            AddUsualAliases(index, labels, indexBySpelling, where, problems);
        }

        if (problems.Count > 0)
        {
            throw new OptionsException(problems);
        }

        var names = labels.Select(group => group[0]).ToArray();
        var aliases = names.Select((name, index) => AliasesOf(name, index, indexBySpelling)).ToArray();
        return new RelationSchema(names, aliases, indexBySpelling);
    }

    /// <summary>
    /// Makes a schema from the labels that occur in data, sorted by code point so that the order of rows does not matter.
    /// </summary>
    /// <param name="occurrences">The label of every row. Spellings of one meaning become one label, spelled as most rows do.</param>
    /// <param name="where">What to call the data in an error.</param>
    /// <returns>The schema.</returns>
    /// <exception cref="OptionsException">Fewer than two labels occur.</exception>
    public static RelationSchema FromData(IEnumerable<string> occurrences, string where)
    {
        var groups = occurrences
            .GroupBy(label => label.Trim(), StringComparer.Ordinal)
            .Select(group => (Spelling: group.Key, Rows: group.Count()))
            .GroupBy(counted => LabelAliases.GroupOf(counted.Spelling)[0], StringComparer.Ordinal)
            .Select(group => group
                .OrderByDescending(counted => counted.Rows)
                .ThenBy(counted => counted.Spelling, CodePointOrder.Comparer)
                .Select(counted => counted.Spelling)
                .ToArray())
            .OrderBy(group => group[0], CodePointOrder.Comparer)
            .ToArray();
        return FromLabels(groups, where);
    }

    /// <summary>Class index of a spelling.</summary>
    /// <param name="spelling">A label or alias; outer white space is ignored.</param>
    /// <returns>The index in <see cref="Labels"/>, or -1 for an unknown spelling.</returns>
    public int IndexOf(string spelling) => _indexBySpelling.GetValueOrDefault(spelling.Trim(), -1);

    /// <summary>Canonical form of a spelling.</summary>
    /// <param name="spelling">A label or alias; outer white space is ignored.</param>
    /// <returns>The label as the data spells it, or null for an unknown spelling.</returns>
    public string? Canonical(string spelling) => IndexOf(spelling) is var index and >= 0 ? Labels[index] : null;

    /// <summary>The known spelling that looks most like an unknown one.</summary>
    /// <param name="spelling">An unknown label.</param>
    /// <returns>A label, or null when none shares at least half of the characters.</returns>
    public string? Nearest(string spelling)
    {
        var (best, distance) = ((string?)null, int.MaxValue);
        foreach (var (known, index) in _indexBySpelling.OrderBy(entry => entry.Value))
        {
            var edits = EditDistance.Between(LabelAliases.Fold(spelling), LabelAliases.Fold(known));
            if (edits < distance && 2 * edits <= Math.Max(spelling.Length, known.Length))
            {
                (best, distance) = (Labels[index], edits);
            }
        }

        return best;
    }

    internal InputFault UnknownLabel(string spelling)
    {
        var nearest = Nearest(spelling);
        return new InputFault(DataRules.LabelUnknown, RelationInput.LabelField, 1, "the label is not one of the known ones",
            string.Join(", ", Labels), spelling, nearest is null ? null : $"Did you mean {nearest}?");
    }

    private static void CheckSpelling(
        string spelling, int index, IReadOnlyList<IReadOnlyList<string>> labels, Dictionary<string, int> known, string where,
        List<Problem> problems)
    {
        if (string.IsNullOrWhiteSpace(spelling) || spelling.Trim().Length != spelling.Length)
        {
            problems.Add(new Problem($"{where}, label {index + 1}", "a label is empty or has white space around it", null,
                $"'{spelling}'"));
        }
        else if (!known.TryAdd(spelling, index))
        {
            problems.Add(new Problem($"{where}, label {index + 1}", $"{spelling} stands twice", null,
                $"it already belongs to {labels[known[spelling]][0]}", "Each spelling belongs to one label."));
        }
    }

    private static void AddUsualAliases(
        int index, IReadOnlyList<IReadOnlyList<string>> labels, Dictionary<string, int> known, string where, List<Problem> problems)
    {
        var name = labels[index][0];
        foreach (var alias in LabelAliases.GroupOf(name))
        {
            if (!known.TryAdd(alias, index) && known[alias] < index && labels[known[alias]][0] == alias)
            {
                problems.Add(new Problem($"{where}, label {index + 1}", $"{name} and {alias} mean the same and cannot both be scored",
                    $"one label, e.g. {name}={alias}"));
            }
        }
    }

    private static string[] AliasesOf(string name, int index, Dictionary<string, int> known) =>
        [.. known.Where(entry => entry.Value == index && entry.Key != name).Select(entry => entry.Key).Order(CodePointOrder.Comparer)];
}
