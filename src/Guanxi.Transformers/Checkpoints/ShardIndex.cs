using System.Text.Json;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>The index of weights in several pieces: which tensor is in which file beside it.</summary>
internal static class ShardIndex
{
    private const int MaxIndexBytes = 100_000_000;

    /// <summary>Reads an index.</summary>
    /// <param name="folder">The folder that index and shards are in.</param>
    /// <param name="index">Path of the index.</param>
    /// <param name="suffix">How the names of shards end.</param>
    /// <returns>For every tensor the path of its shard, in the order of the index.</returns>
    /// <exception cref="CheckpointException">The index is damaged, or shards are missing, outside or of another kind; all are named.</exception>
    public static OrderedDictionary<string, string> Read(string folder, string index, string suffix)
    {
        var problems = new List<Problem>();
        var fileOfName = new OrderedDictionary<string, string>();
        var root = JsonFile.ReadObject(index, MaxIndexBytes);
        if (!root.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new CheckpointException(
                new Problem($"{index}, weight_map", "the key is missing or no object", "tensor names with their files"));
        }

        var pathOfShard = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var item in map.EnumerateObject())
        {
            if (item.Value.ValueKind != JsonValueKind.String)
            {
                var where = $"{index}, weight_map, {FileErrors.Quote(item.Name)}";
                problems.Add(new Problem(where, "not a file name", "a string", JsonKeys.Show(item.Value)));
                continue;
            }

            var shard = item.Value.GetString()!;
            if (!pathOfShard.TryGetValue(shard, out var path))
            {
                path = ShardPath(folder, shard, index, suffix, problems);
                pathOfShard.Add(shard, path);
            }

            fileOfName.Add(item.Name, path ?? string.Empty);
        }

        return problems.Count == 0 ? fileOfName : throw new CheckpointException(problems);
    }

    private static string? ShardPath(string folder, string shard, string index, string suffix, List<Problem> problems)
    {
        if (!FolderPaths.TryResolve(folder, shard, out var path))
        {
            problems.Add(new Problem(
                index,
                "a shard lies outside the folder",
                "a file beside the index",
                FileErrors.Quote(shard),
                "Do not use this checkpoint."));
            return null;
        }

        if (!shard.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
        {
            problems.Add(new Problem(index, "a shard is of a kind that is not read", $"a {suffix} file", FileErrors.Quote(shard)));
            return null;
        }

        if (!File.Exists(path))
        {
            problems.Add(new Problem(path, "the shard is missing", Hint: $"{Path.GetFileName(index)} names it: finish the download."));
            return null;
        }

        return path;
    }
}
