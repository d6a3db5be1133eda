using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Guanxi.Cli;

/// <summary>Options of the usual kinds, whose errors read like all others of the program.</summary>
internal static class OptionKinds
{
    private static readonly string[] s_truth = ["true", "false"];

    /// <summary>A text, a path.</summary>
    public static Option<string?> Text(string name, string value, string description) => new(name) { HelpName = value, Description = description };

    /// <summary>A text of which some values are usual; others may be right too.</summary>
    public static Option<string?> Offering(string name, string value, string description, IEnumerable<string> offered) =>
        Offer(Text(name, value, description), offered);

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
    public static Option<string> OneOf(string name, string description, string[] words) => Offer(
        new Option<string>(name)
        {
            HelpName = string.Join('|', words),
            Description = description,
            DefaultValueFactory = _ => words[0],
            CustomParser = result => words.Contains(WordOf(result)) ? WordOf(result) : Bad<string>(result, string.Join(" | ", words)),
        },
        words);

    /// <summary>True or false; alone it means true, and a word behind it that is neither belongs to something else.</summary>
    public static Option<bool> Flag(string name, string description) => Offer(new Option<bool>(name) { HelpName = "true|false", Description = description }, s_truth);

    /// <summary>The same, true where it is not given.</summary>
    public static Option<bool> FlagUsuallyOn(string name, string description)
    {
        var flag = Flag(name, description);
        flag.DefaultValueFactory = _ => true;
        return flag;
    }

    /// <summary>One of some words, by its place in the line; the verb refuses others.</summary>
    public static Argument<string> Choice(string name, string description, IEnumerable<string> words)
    {
        var argument = new Argument<string>(name) { Description = description };
        argument.CompletionSources.Add([.. words]);
        return argument;
    }

    /// <summary>Says which values a shell completes.</summary>
    public static TOption Offer<TOption>(TOption option, IEnumerable<string> words)
        where TOption : Option
    {
        // The library's own for true and false are spelled as .NET prints them.
        option.CompletionSources.Clear();
        option.CompletionSources.Add([.. words]);
        return option;
    }

    private static string WordOf(ArgumentResult result) => result.Tokens[^1].Value;

    private static T? Bad<T>(ArgumentResult result, string expected)
    {
        var option = (result.Parent as OptionResult)?.IdentifierToken?.Value;
        result.AddError($"{option}: the value does not fit; expected {expected}; found '{WordOf(result)}'");
        return default;
    }
}
