namespace Guanxi.Transformers.Hubs;

/// <summary>Models that the hubs' own programs have downloaded: their caches, and the layout of a repository in them.</summary>
/// <param name="variables">Where the caches are.</param>
public sealed class HubCache(HubVariables variables)
{
    private const string SnapshotsFolder = "snapshots";
    private const string HuggingFacePrefix = "models--";

    // Later programs of ModelScope name a snapshot by its branch.
    private static readonly string[] s_mainBranches = ["main", "master"];

    /// <summary>The caches of this process's environment.</summary>
    public static HubCache OfProcess { get; } = new(HubVariables.OfProcess);

    /// <summary>Finds the folder that a path or name stands for.</summary>
    /// <param name="path">
    /// A file or folder; a repository's folder in a cache, <c>models--owner--name</c>; or a name <c>owner/name</c>.
    /// </param>
    /// <returns>
    /// For a repository in a cache the folder of its snapshot; otherwise what was given, whether it is there or not.
    /// </returns>
    /// <exception cref="CheckpointException">The repository in the cache has no snapshot, or several and no main one.</exception>
    public string Resolve(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Path.Exists(path))
        {
            return IsRepository(path) ? SnapshotOf(path) : path;
        }

        return HubRepository.IsOwnedName(path) && FoldersOf(path).FirstOrDefault(HasContent) is { } found
            ? IsRepository(found) ? SnapshotOf(found) : found
            : path;
    }

    /// <summary>What to do when a path that may be the name of a repository is not here.</summary>
    /// <param name="path">What was given.</param>
    /// <returns>A command; null when the path is no such name, nor in a folder that the documents train or download to.</returns>
    public static string? DownloadHint(string path) => path.Split('/') switch
    {
        ["runs", _, ..] => $"Train it first: ./guanxi train ... --output_dir {path}",
        ["models", _, ..] => $"Download it: ./guanxi download OWNER/NAME --to {path}",
        [_, var name] when HubRepository.IsOwnedName(path) => $"Download it: ./guanxi download {path} --to models/{name}",
        _ => null,
    };

    private static bool HasContent(string folder) => Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any();

    private static bool IsRepository(string path) =>
        Directory.Exists(Path.Combine(path, SnapshotsFolder))
        || Path.GetFileName(Path.TrimEndingDirectorySeparator(path)).StartsWith(HuggingFacePrefix, StringComparison.Ordinal);

    private static string SnapshotOf(string repository)
    {
        var folder = Path.Combine(repository, SnapshotsFolder);
        string[] snapshots = Directory.Exists(folder) ? [.. Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal)] : [];
        var main = s_mainBranches.SelectMany(branch => (string[])[CommitOf(repository, branch), branch])
            .Select(name => Path.Combine(folder, name))
            .FirstOrDefault(snapshots.Contains);
        return main ?? snapshots switch
        {
            [var only] => only,
            [] => throw new CheckpointException(new Problem(
                repository, "the download of this repository was not finished: it has no snapshot", Hint: "Download it again.")),
            _ => throw new CheckpointException(new Problem(
                repository, "the repository has several snapshots and none is main", "one of them",
                string.Join(", ", snapshots.Select(Path.GetFileName)),
                $"Name one: {snapshots[0]}")),
        };
    }

    private static string CommitOf(string repository, string branch)
    {
        var reference = new FileInfo(Path.Combine(repository, "refs", branch));
        return reference is { Exists: true, Length: < 256 } ? File.ReadAllText(reference.FullName).Trim() : string.Empty;
    }

    /// <summary>Where a model may be, in the layouts that the programs have had.</summary>
    private IEnumerable<string> FoldersOf(string name)
    {
        var (joined, masked) = (name.Replace("/", "--", StringComparison.Ordinal), name.Replace(".", "___", StringComparison.Ordinal));
        return
        [
            .. variables.HuggingFaceCaches.Select(cache => Path.Combine(cache, HuggingFacePrefix + joined)),
            .. variables.ModelScopeCaches.SelectMany(cache => (string[])
            [
                Path.Combine(cache, "models", joined),
                Path.Combine(cache, "models", masked),
                Path.Combine(cache, "models", name),
                Path.Combine(cache, masked),
                Path.Combine(cache, name),
            ]),
        ];
    }
}
