using System.Text.Json.Nodes;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Peft;

/// <summary>Modules as an adapter configuration names them: paths or their ends, a regular expression, or all linear layers.</summary>
public sealed class ModuleSelector
{
    /// <summary>PEFT's word for every linear layer but the output head.</summary>
    public const string AllLinearWord = "all-linear";

    // Output heads of causal models and of transformers' sequence classifiers.
    private static readonly string[] s_heads = ["lm_head", "score", "classifier"];

    private readonly ModuleRegex? _regex;

    private ModuleSelector(IReadOnlyList<string> names, string? pattern, ModuleRegex? regex)
    {
        Names = names;
        Pattern = pattern;
        _regex = regex;
    }

    /// <summary>Every linear layer but the output head.</summary>
    public static ModuleSelector AllLinear { get; } = new([], null, null);

    /// <summary>Full paths or last segments; empty for the other two kinds.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The regular expression that a whole path must match; null for the other two kinds.</summary>
    public string? Pattern { get; }

    /// <summary>Whether this is <see cref="AllLinear"/>.</summary>
    public bool IsAllLinear => Pattern is null && Names.Count == 0;

    /// <summary>Selects modules by path or by the end of their path.</summary>
    /// <param name="names">E.g. <c>q_proj</c>, <c>self_attn.q_proj</c> or <c>model.layers.0.self_attn.q_proj</c>; at least one.</param>
    /// <returns>The selector.</returns>
    /// <exception cref="OptionsException">There is no name, or an empty one.</exception>
    public static ModuleSelector Named(IEnumerable<string> names)
    {
        string[] kept = [.. names];
        return kept.Length == 0 || kept.Contains(string.Empty)
            ? throw new OptionsException(new Problem("module names", "the list is empty or holds an empty name", "[\"q_proj\", ...]"))
            : new ModuleSelector(kept, null, null);
    }

    /// <summary>Selects modules as training options name them.</summary>
    /// <param name="names">Paths or their ends; null, or the one word <see cref="AllLinearWord"/>: every linear layer but the output head.</param>
    /// <returns>The selector.</returns>
    /// <exception cref="OptionsException">The list is empty, or holds an empty name.</exception>
    public static ModuleSelector Of(IReadOnlyList<string>? names) =>
        names is null or [AllLinearWord] ? AllLinear : Named(names);

    /// <summary>Selects modules whose whole path matches a regular expression.</summary>
    /// <param name="pattern">The expression; it is anchored at both ends.</param>
    /// <returns>The selector.</returns>
    /// <exception cref="OptionsException">It is no regular expression.</exception>
    public static ModuleSelector Matching(string pattern) => new([], pattern, ModuleRegex.Whole("module pattern", pattern));

    /// <summary>Whether a linear layer is selected.</summary>
    /// <param name="modulePath">Its path in the base model, e.g. <c>model.layers.0.self_attn.q_proj</c>.</param>
    /// <returns>True when it is.</returns>
    /// <exception cref="OptionsException">The regular expression takes too long.</exception>
    public bool Selects(string modulePath)
    {
        ArgumentNullException.ThrowIfNull(modulePath);
        return _regex is not null ? _regex.IsMatch(modulePath)
            : IsAllLinear ? !s_heads.Any(head => EndsWith(modulePath, head))
            : Names.Any(name => EndsWith(modulePath, name));
    }

    internal static bool EndsWith(string modulePath, string tail) =>
        modulePath.EndsWith(tail, StringComparison.Ordinal)
        && (modulePath.Length == tail.Length || modulePath[modulePath.Length - tail.Length - 1] == '.');

    internal JsonNode? ToJson() => Pattern is not null ? Pattern : IsAllLinear ? AllLinearWord : PythonJson.Strings(Names);
}
