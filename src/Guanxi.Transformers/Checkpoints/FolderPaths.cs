using System.Diagnostics.CodeAnalysis;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Names that a file of a folder gives to its neighbours; none may lead out of the folder.</summary>
internal static class FolderPaths
{
    /// <summary>Turns a name into a path below the folder. Links are followed later: download caches consist of them.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">A relative name from an untrusted file.</param>
    /// <param name="path">The path, when the name stays below the folder.</param>
    /// <returns>False when it does not, or is no name of a file.</returns>
    public static bool TryResolve(string folder, string name, [NotNullWhen(true)] out string? path)
    {
        path = null;
        if (name.Length == 0 || name.Contains('\0', StringComparison.Ordinal) || Path.IsPathRooted(name))
        {
            return false;
        }

        var root = Path.GetFullPath(folder);
        root = Path.EndsInDirectorySeparator(root) ? root : root + Path.DirectorySeparatorChar;
        var full = Path.GetFullPath(root + name);
        if (full.Length == root.Length || !full.StartsWith(root, StringComparison.Ordinal))
        {
            return false;
        }

        path = Path.Combine(folder, name);
        return true;
    }
}
