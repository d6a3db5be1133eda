using System.Diagnostics;
using Guanxi.TestKit;

namespace Guanxi.Cli.Tests.Conventions;

/// <summary>The files of the checkout that are not built, by their paths from its root.</summary>
internal static class RepositoryFiles
{
    private static readonly HashSet<string> s_builtFolders = [".git", ".vs", "bin", "obj", "build", "runs", "TestResults"];

    /// <summary>Every file, with forward slashes. Git's list when there is one: files that a user put beside the sources are his own.</summary>
    public static IReadOnlyList<string> All { get; } = FromGit() ?? [.. Walk(Golden.RepositoryRoot)];

    /// <summary>Files below one of the folders with one of the endings, with their text.</summary>
    public static IEnumerable<(string Path, string Text)> Sources(string[] folders, string[] endings) =>
        All.Where(path => folders.Any(folder => path.StartsWith(folder, StringComparison.Ordinal)) && endings.Any(ending => path.EndsWith(ending, StringComparison.Ordinal)))
            .Select(path => (path, File.ReadAllText(Absolute(path))));

    /// <summary>Every file that holds text, with it.</summary>
    public static IEnumerable<(string Path, string Text)> Texts()
    {
        foreach (var path in All)
        {
            var bytes = File.ReadAllBytes(Absolute(path));
            if (!bytes.AsSpan(0, Math.Min(bytes.Length, 4096)).Contains((byte)0))
            {
                yield return (path, System.Text.Encoding.UTF8.GetString(bytes));
            }
        }
    }

    public static long Bytes(string path) => new FileInfo(Absolute(path)).Length;

    private static string Absolute(string path) => Path.Combine(Golden.RepositoryRoot, path);

    private static IEnumerable<string> Walk(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            yield return Path.GetRelativePath(Golden.RepositoryRoot, file).Replace('\\', '/');
        }

        foreach (var inner in Directory.EnumerateDirectories(folder).Where(inner => !s_builtFolders.Contains(Path.GetFileName(inner))))
        {
            foreach (var file in Walk(inner))
            {
                yield return file;
            }
        }
    }

    private static List<string>? FromGit()
    {
        var start = new ProcessStartInfo("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        {
            WorkingDirectory = Golden.RepositoryRoot,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using var git = Process.Start(start)!;
            git.ErrorDataReceived += (_, _) => { };
            git.BeginErrorReadLine();
            var listed = git.StandardOutput.ReadToEnd().Split('\0', StringSplitOptions.RemoveEmptyEntries);
            git.WaitForExit();
            return git.ExitCode == 0 && listed.Length > 0 ? [.. listed.Where(path => File.Exists(Absolute(path)))] : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // No git on this machine: the sources came as an archive.
            return null;
        }
    }
}
