using System.Text.RegularExpressions;

namespace Guanxi.Transformers.Peft;

/// <summary>A regular expression of an adapter configuration, anchored as PEFT anchors it and never allowed to run away.</summary>
internal sealed class ModuleRegex
{
    // Thousands of times what an honest pattern needs for a module path.
    private static readonly TimeSpan s_timeout = TimeSpan.FromMilliseconds(500);

    private readonly Regex _regex;
    private readonly string _key;

    private ModuleRegex(string key, string anchored)
    {
        _key = key;
        try
        {
            _regex = new Regex(anchored, RegexOptions.CultureInvariant, s_timeout);
        }
        catch (ArgumentException error)
        {
            throw new OptionsException(new Problem(key, "not a regular expression", Found: error.Message.TrimEnd('.')));
        }
    }

    /// <summary>Must match the whole path (Python's <c>re.fullmatch</c>).</summary>
    /// <exception cref="OptionsException">The pattern is no regular expression.</exception>
    public static ModuleRegex Whole(string key, string pattern) => new(key, $@"\A(?:{pattern})\z");

    /// <summary>Must match the path or its last segments: <c>(.*\.)?(pattern)$</c>.</summary>
    /// <exception cref="OptionsException">The pattern is no regular expression.</exception>
    public static ModuleRegex Tail(string key, string pattern) => new(key, $@"\A(?:.*\.)?(?:{pattern})$");

    /// <summary>Finds the number of a layer: <c>.*\.pattern\.(\d+)\.</c>.</summary>
    /// <exception cref="OptionsException">The pattern is no regular expression.</exception>
    public static ModuleRegex Layer(string key, string pattern) => new(key, $@"\A.*\.(?:{pattern})\.(?<layer>[0-9]+)\.");

    /// <summary>Whether a module path matches.</summary>
    /// <exception cref="OptionsException">The pattern takes too long.</exception>
    public bool IsMatch(string modulePath) => Match(modulePath).Success;

    /// <summary>The layer number in a module path, or null.</summary>
    /// <exception cref="OptionsException">The pattern takes too long.</exception>
    public int? LayerOf(string modulePath) =>
        Match(modulePath) is { Success: true } match && int.TryParse(match.Groups["layer"].ValueSpan, out var layer) ? layer : null;

    private Match Match(string modulePath)
    {
        try
        {
            return _regex.Match(modulePath);
        }
        catch (RegexMatchTimeoutException)
        {
            throw new OptionsException(new Problem(
                _key,
                "the regular expression takes too long",
                Found: $"'{_regex}' on '{modulePath}'",
                Hint: "Name the modules in a list."));
        }
    }
}
