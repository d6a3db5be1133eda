using System.Text.RegularExpressions;

namespace Guanxi.Transformers.Hubs;

/// <summary>A repository on a hub.</summary>
public sealed partial record HubRepository
{
    private HubRepository(string id, bool isDataset) => (Id, IsDataset) = (id, isDataset);

    /// <summary>Owner and name, <c>owner/name</c>; some old models have a name alone.</summary>
    public string Id { get; }

    /// <summary>Whether it holds a data set and not a model.</summary>
    public bool IsDataset { get; }

    /// <summary>What it is, for messages.</summary>
    internal string Kind => IsDataset ? "data set" : "model";

    /// <summary>Checks a name.</summary>
    /// <param name="id"><c>owner/name</c>, as the hub's page shows it.</param>
    /// <param name="isDataset">Whether it is a data set.</param>
    /// <returns>The repository.</returns>
    /// <exception cref="OptionsException">No repository can have such a name.</exception>
    public static HubRepository Parse(string id, bool isDataset)
    {
        ArgumentNullException.ThrowIfNull(id);
        return IsId(id) ? new HubRepository(id, isDataset) : throw new OptionsException(new Problem(
            id, "this is no name of a repository", "owner/name in letters, digits and . _ -",
                Hint: "Copy the name from the hub's page, without its address."));
    }

    /// <summary>Whether a text can be the name of a repository with an owner: only such names are looked up in caches.</summary>
    internal static bool IsOwnedName(string text) => text.Contains('/', StringComparison.Ordinal) && IsId(text);

    private static bool IsId(string text) => IdPattern().IsMatch(text) && !text.Contains("..", StringComparison.Ordinal);

    // Every part begins and ends with a letter, digit or underscore: that shuts out relative paths and options.
    [GeneratedRegex(@"^(?:[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?/)?[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?\z",
        RegexOptions.ECMAScript)]
    private static partial Regex IdPattern();
}
