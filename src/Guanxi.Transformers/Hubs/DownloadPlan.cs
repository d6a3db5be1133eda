using System.IO.Enumeration;
using System.Text;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Hubs;

/// <summary>A file and where it goes.</summary>
/// <param name="File">What the hub says of it.</param>
/// <param name="Target">Full path.</param>
internal sealed record PlannedFile(HubFile File, string Target);

/// <summary>Which files of a listing are wanted, and where they go. Names come from the hub: none may lead out of the folder.</summary>
internal static class DownloadPlan
{
    private const int LongestNameBytes = 255 - 32;
    private const int ShownNames = 5;

    /// <summary>Makes the plan.</summary>
    /// <param name="listing">The listing.</param>
    /// <param name="include">Patterns of names; empty for all.</param>
    /// <param name="root">Full path of the folder.</param>
    /// <exception cref="OptionsException">No file is wanted.</exception>
    /// <exception cref="CheckpointException">A name would lead out of the folder, through a link, or to another file's place.</exception>
    public static IReadOnlyList<PlannedFile> Of(HubListing listing, IReadOnlyList<string> include, string root)
    {
        var wanted = listing.Files.Where(file => include.Count == 0 || include.Any(pattern => Matches(pattern, file.Name))).ToList();
        if (wanted.Count == 0)
        {
            throw new OptionsException(
                new Problem("include", "no file of the repository fits", string.Join(' ', include), Shown(listing.Files)));
        }

        var problems = new List<Problem>();
        var plan = new List<PlannedFile>();
        foreach (var file in wanted)
        {
            if (!IsPlain(file.Name) || !FolderPaths.TryResolve(root, file.Name, out var path))
            {
                problems.Add(new Problem(
                    FileErrors.Quote(file.Name), "the hub lists a file under a name that is not safe to write", "a plain path below the folder"));
            }
            else if (LinkAbove(root, path) is { } link)
            {
                problems.Add(new Problem(
                    link, "is a link to another folder, through which nothing is written", Hint: "Choose another folder."));
            }
            else
            {
                plan.Add(new PlannedFile(file, path));
            }
        }

        problems.AddRange(Clashes(wanted));
        return problems.Count == 0 ? plan : throw new CheckpointException(problems);
    }

    private static bool Matches(string pattern, string name) =>
        FileSystemName.MatchesSimpleExpression(pattern.EndsWith('/') ? pattern + '*' : pattern, name, ignoreCase: false);

    /// <summary>
    /// Whether every part of a name is one on every system: no drive, no backslash, no device, nothing that leaves the folder, no part of a
    /// git folder, whose files are run.
    /// </summary>
    private static bool IsPlain(string name) => name.Split('/').All(part =>
        part is not ("" or "." or "..") && !part.Equals(".git", StringComparison.OrdinalIgnoreCase)
        && Encoding.UTF8.GetByteCount(part) <= LongestNameBytes
        && !part.Any(character => character is '\\' or ':' or '\0' || char.IsControl(character)));

    /// <summary>A folder on the way to a file that is a link; null when there is none.</summary>
    private static string? LinkAbove(string root, string path)
    {
        for (var folder = Path.GetDirectoryName(path)!; folder.Length > root.Length; folder = Path.GetDirectoryName(folder)!)
        {
            if (new DirectoryInfo(folder).LinkTarget is not null)
            {
                return folder;
            }
        }

        return null;
    }

    /// <summary>Names that stand twice, or for a file and a folder.</summary>
    private static IEnumerable<Problem> Clashes(List<HubFile> files)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var folders = files.SelectMany(file => Folders(file.Name)).ToHashSet(StringComparer.Ordinal);
        return files.Where(file => !names.Add(file.Name) || folders.Contains(file.Name))
            .Select(file => new Problem(FileErrors.Quote(file.Name), "the hub lists two things under this name"));
    }

    private static IEnumerable<string> Folders(string name)
    {
        for (var slash = name.IndexOf('/', StringComparison.Ordinal); slash >= 0; slash = name.IndexOf('/', slash + 1))
        {
            yield return name[..slash];
        }
    }

    private static string Shown(IReadOnlyList<HubFile> files) => files.Count == 0
        ? "no files at all"
        : string.Join(", ", files.Take(ShownNames).Select(file => FileErrors.Quote(file.Name)))
            + (files.Count > ShownNames ? $" and {files.Count - ShownNames} more" : string.Empty);
}
