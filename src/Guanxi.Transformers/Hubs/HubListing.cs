namespace Guanxi.Transformers.Hubs;

/// <summary>A file of a repository, as the hub lists it.</summary>
/// <param name="Name">Path in the repository with slashes; from the hub, so not to be trusted.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Hash">Its content; null when the hub does not say.</param>
/// <param name="Address">Where its content is.</param>
internal sealed record HubFile(string Name, long Bytes, ContentHash? Hash, Uri Address);

/// <summary>What a repository holds at one moment.</summary>
/// <param name="Commit">The commit, so that files of two moments are never mixed; null when the hub does not say.</param>
/// <param name="Files">Its files.</param>
internal sealed record HubListing(string? Commit, IReadOnlyList<HubFile> Files)
{
    /// <summary>More files than this are no model: a listing without end must not fill the memory.</summary>
    public const int MostFiles = 1_000_000;

    private const int CommitDigits = 40;

    /// <summary>Whether a text is the whole name of a commit.</summary>
    public static bool IsCommit(string? text) => text?.Length == CommitDigits && text.All(char.IsAsciiHexDigit);
}
