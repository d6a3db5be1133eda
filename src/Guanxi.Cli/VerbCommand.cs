using System.CommandLine;

namespace Guanxi.Cli;

/// <summary>A verb of the program: what the overview says of it, and how its command is made once it is called.</summary>
/// <param name="Name">The word.</param>
/// <param name="Summary">What it does, in one sentence.</param>
/// <param name="Build">Makes the command. Options cost start-up time, so only the verb that is called gets them.</param>
internal sealed record Verb(string Name, string Summary, Func<VerbCommand> Build);

/// <summary>A command with examples and whatever else its help should say.</summary>
internal sealed class VerbCommand(string name, string summary) : Command(name, summary)
{
    /// <summary>Calls that work in the repository's folder.</summary>
    public IReadOnlyList<string> Examples { get; init; } = [];

    /// <summary>Writes more help before the examples; null for none.</summary>
    public Action<TextWriter>? MoreHelp { get; init; }

    /// <summary>Makes the options of a verb that reads its words itself, for those who only want to know them; null where the parser reads them.</summary>
    public Func<IEnumerable<Option>>? OwnOptions { get; init; }
}
