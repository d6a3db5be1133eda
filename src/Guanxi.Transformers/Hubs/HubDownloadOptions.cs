namespace Guanxi.Transformers.Hubs;

/// <summary>What to download, and where to.</summary>
public sealed record HubDownloadOptions
{
    /// <summary>The repository.</summary>
    public required HubRepository Repository { get; init; }

    /// <summary>Folder for the files; made when it is not there.</summary>
    public required string Folder { get; init; }

    /// <summary>Whether it is at ModelScope.</summary>
    /// <value>False: Hugging Face.</value>
    public bool IsModelScope { get; init; }

    /// <summary>Address of the hub.</summary>
    /// <value>Null: what the environment says, else the hub's own.</value>
    public string? Endpoint { get; init; }

    /// <summary>Branch, tag or commit.</summary>
    /// <value>Null: the hub's main branch.</value>
    public string? Revision { get; init; }

    /// <summary>
    /// Patterns of the files to bring: <c>*</c> for any characters, slashes too, <c>?</c> for one; a folder by its name and a slash.
    /// </summary>
    /// <value>Empty: all files.</value>
    public IReadOnlyList<string> Include { get; init; } = [];
}

/// <summary>What a download came to.</summary>
/// <param name="Source">Name of the hub.</param>
/// <param name="Endpoint">Its address.</param>
/// <param name="Revision">Branch, tag or commit that was asked for.</param>
/// <param name="Commit">The commit that it is; null when the hub does not say.</param>
/// <param name="Files">All files that were wanted, in the order of the listing.</param>
public sealed record HubDownloadResult(string Source, Uri Endpoint, string Revision, string? Commit, IReadOnlyList<DownloadedFile> Files);

/// <summary>A file of a download.</summary>
/// <param name="Name">Path in the repository, and in the folder.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="WasThere">Whether it was there already and is the hub's.</param>
/// <param name="IsVerified">Whether its content was compared with a hash; false when the hub gave none and only the length was.</param>
public sealed record DownloadedFile(string Name, long Bytes, bool WasThere, bool IsVerified);
