using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>The manifest of a checkpoint folder: size and SHA-256 of every file, by which any damage is found.</summary>
public static class Integrity
{
    /// <summary>File name of the manifest inside the folder.</summary>
    public const string FileName = "checksums.json";

    private const string FilesKey = "files";
    private const string HashKey = "sha256";
    private const string SizeKey = "size";
    private const int MaxManifestBytes = 16 * 1024 * 1024;

    /// <summary>Writes the manifest of all files in a folder and below it; the last step before the folder gets its name.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="CheckpointException">A file cannot be read, or the manifest cannot be written.</exception>
    public static void WriteManifest(string folder) => WriteManifest(RealFileSystem.Instance, folder);

    /// <summary>Compares a folder with its manifest.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>Every problem: missing, cut off, changed or unreadable files, or a damaged manifest; empty when all is well.</returns>
    /// <remarks>Files that the manifest does not name are no problem: it vouches for what was written, not for what was added.</remarks>
    public static IReadOnlyList<Problem> Verify(string folder)
    {
        var manifest = Path.Combine(folder, FileName);
        try
        {
            var bytes = JsonFile.ReadBytes(manifest, MaxManifestBytes);
            return Compare(folder, manifest, bytes, JsonFile.ParseObject(bytes, manifest));
        }
        catch (CheckpointException error)
        {
            return error.Problems;
        }
    }

    internal static void WriteManifest(IFileSystem files, string folder)
    {
        try
        {
            var entries = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .Select(path => (Name: NameOf(folder, path), Path: path))
                .Where(item => item.Name != FileName)
                .Select(item => (item.Name, Size: new FileInfo(item.Path).Length, Hash: HashOf(item.Path)));
            var bytes = Encoding.UTF8.GetBytes(Text([.. entries]));
            AtomicFile.Write(files, Path.Combine(folder, FileName), stream => stream.Write(bytes));
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw FileErrors.Wrap(folder, "the folder cannot be read to write its checksums", error);
        }
    }

    private static List<Problem> Compare(string folder, string manifest, byte[] bytes, JsonElement root)
    {
        var problems = new List<Problem>();
        var listed = new List<(string Name, long Size, string Hash)>();
        if (root.TryGetProperty(FilesKey, out var files) && files.ValueKind == JsonValueKind.Object)
        {
            foreach (var item in files.EnumerateObject())
            {
                if (TryEntry(item.Value, out var size, out var hash))
                {
                    listed.Add((item.Name, size, hash));
                }
            }
        }

        // Written again it must be the same text: so a flipped bit anywhere in it is found, even one that JSON does not mind.
        if (!bytes.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(Text(listed))))
        {
            problems.Add(new Problem(manifest, "the manifest is damaged", Hint: "Take an older checkpoint."));
        }

        problems.AddRange(listed.Select(item => Check(folder, item.Name, item.Size, item.Hash)).OfType<Problem>());
        return problems;
    }

    private static bool TryEntry(JsonElement value, out long size, out string hash)
    {
        size = 0;
        hash = string.Empty;
        if (value.ValueKind == JsonValueKind.Object
            && value.TryGetProperty(HashKey, out var hashValue) && hashValue.ValueKind == JsonValueKind.String
            && value.TryGetProperty(SizeKey, out var sizeValue) && sizeValue.ValueKind == JsonValueKind.Number
            && sizeValue.TryGetInt64(out size))
        {
            hash = hashValue.GetString()!;
            return true;
        }

        return false;
    }

    private static Problem? Check(string folder, string name, long size, string hash)
    {
        if (!FolderPaths.TryResolve(folder, name, out var path))
        {
            return new Problem(Path.Combine(folder, FileName), "a name leaves the folder", Found: FileErrors.Quote(name));
        }

        try
        {
            var found = new FileInfo(path);
            if (!found.Exists)
            {
                return new Problem(path, "the file is missing", $"{size} bytes");
            }

            if (found.Length != size)
            {
                return new Problem(path, "the file has another size than when it was written", $"{size} bytes", $"{found.Length} bytes");
            }

            return HashOf(path) == hash ? null : new Problem(path, "the content is not what was written", $"sha256 {hash}", "another");
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            return FileErrors.Describe(path, "the file cannot be read", error);
        }
    }

    private static string Text(IEnumerable<(string Name, long Size, string Hash)> entries)
    {
        var files = new JsonObject(entries.OrderBy(entry => entry.Name, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(
            entry.Name, (JsonNode?)new JsonObject { [HashKey] = entry.Hash, [SizeKey] = entry.Size })));
        return PythonJson.Write([KeyValuePair.Create(FilesKey, (JsonNode?)files)]) + "\n";
    }

    private static string NameOf(string folder, string path) =>
        Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');

    private static string HashOf(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
