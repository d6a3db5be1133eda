using Guanxi.Relations.Prompts;

namespace Guanxi.Relations.DataChecks;

/// <summary>Compares the labels that a prompt lists with those that are answered.</summary>
public static class PromptLabelCheck
{
    /// <summary>Looks for labels that a prompt with a list spells otherwise or leaves out.</summary>
    /// <param name="template">The prompt.</param>
    /// <param name="schema">The labels that are answered.</param>
    /// <param name="where">What to call the prompt, e.g. the option it came from.</param>
    /// <returns>Warnings; none for a prompt that names fewer than half of the labels, which is no list.</returns>
    public static IReadOnlyList<Finding> Check(PromptTemplate template, RelationSchema schema, string where) =>
        [.. Missing(template, schema).Select(label => Finding(label, template.ConstantText(), schema, where))];

    /// <summary>Labels that a prompt with a list spells otherwise or leaves out.</summary>
    /// <param name="template">The prompt.</param>
    /// <param name="schema">The labels that are answered.</param>
    /// <returns>The labels, one for each finding of <see cref="Check"/>.</returns>
    public static IReadOnlyList<string> Missing(PromptTemplate template, RelationSchema schema)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(schema);
        var text = template.ConstantText();
        var missing = schema.Labels.Where(label => !text.Contains(label, StringComparison.Ordinal)).ToArray();
        return 2 * missing.Length > schema.Labels.Count ? [] : missing;
    }

    private static Finding Finding(string label, string text, RelationSchema schema, string where)
    {
        var other = schema.Aliases.GetValueOrDefault(label, []).FirstOrDefault(alias => text.Contains(alias, StringComparison.Ordinal));
        var message = other is null
            ? $"the prompt does not list the label {label}"
            : $"the prompt says {other} where the answers say {label}";
        return new Finding(FindingSeverity.Warning, DataRules.PromptLabel, where, 0, 0, 1, message);
    }
}
