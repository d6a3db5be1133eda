using System.Text.Json.Nodes;

namespace Guanxi.Transformers.Peft;

/// <summary>Numbers for some modules: PEFT's <c>rank_pattern</c> and <c>alpha_pattern</c>.</summary>
public sealed class PatternMap
{
    private readonly (ModuleRegex Regex, double Value)[] _rules;

    /// <summary>Makes a map; of several patterns that match, the first one counts.</summary>
    /// <param name="rules">Regular expressions for the end of a module path, with their numbers.</param>
    /// <exception cref="OptionsException">A pattern is no regular expression.</exception>
    public PatternMap(IEnumerable<KeyValuePair<string, double>> rules)
    {
        Rules = [.. rules];
        _rules = [.. Rules.Select(rule => (ModuleRegex.Tail($"pattern '{rule.Key}'", rule.Key), rule.Value))];
    }

    /// <summary>No rule: every module takes the general number.</summary>
    public static PatternMap Empty { get; } = new([]);

    /// <summary>The rules, in order.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Rules { get; }

    /// <summary>The number of a module.</summary>
    /// <param name="modulePath">Its path in the base model.</param>
    /// <returns>The number of the first rule that matches, or null.</returns>
    /// <exception cref="OptionsException">A regular expression takes too long.</exception>
    public double? Find(string modulePath)
    {
        foreach (var (regex, value) in _rules)
        {
            if (regex.IsMatch(modulePath))
            {
                return value;
            }
        }

        return null;
    }

    internal JsonObject ToJson() =>
        new(Rules.Select(rule => KeyValuePair.Create(rule.Key, (JsonNode?)LoraConfigWriter.Number(rule.Value))));
}
