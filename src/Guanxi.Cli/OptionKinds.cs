using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Guanxi.Cli;

/// <summary>Options of the usual kinds, whose errors read like all others of the program.</summary>
internal static class OptionKinds
{
    /// <summary>A text, a path.</summary>
    public static Option<string?> Text(string name, string value, string description) => new(name) { HelpName = value, Description = description };

    /// <summary>A text that must be given.</summary>
    public static Option<string> Required(string name, string value, string description) =>
        new(name) { HelpName = value, Description = description, Required = true };

    /// <summary>A whole number.</summary>
    public static Option<int?> Whole(string name, string description, int least) => new(name)
    {
        HelpName = "N",
        Description = description,
        CustomParser = result => int.TryParse(WordOf(result), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= least
            ? number
            : Bad<int?>(result, $"a whole number from {least}"),
    };

    /// <summary>A real number.</summary>
    public static Option<double?> Real(string name, string description) => new(name)
    {
        HelpName = "X",
        Description = description,
        CustomParser = result => double.TryParse(WordOf(result), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : Bad<double?>(result, "a number"),
    };

    /// <summary>One of some words.</summary>
    public static Option<string> OneOf(string name, string description, string[] words) => new(name)
    {
        HelpName = string.Join('|', words),
        Description = description,
        DefaultValueFactory = _ => words[0],
        CustomParser = result => words.Contains(WordOf(result)) ? WordOf(result) : Bad<string>(result, string.Join(" | ", words)),
    };

    /// <summary>True or false; alone it means true, and a word behind it that is neither belongs to something else.</summary>
    public static Option<bool> Flag(string name, string description) => new(name) { HelpName = "true|false", Description = description };

    private static string WordOf(ArgumentResult result) => result.Tokens[^1].Value;

    private static T? Bad<T>(ArgumentResult result, string expected)
    {
        var option = (result.Parent as OptionResult)?.IdentifierToken?.Value;
        result.AddError($"{option}: the value does not fit; expected {expected}; found '{WordOf(result)}'");
        return default;
    }
}
