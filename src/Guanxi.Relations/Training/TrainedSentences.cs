using System.Text.Json;
using Guanxi.Relations.DataChecks;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Relations.Training;

/// <summary>The sentences that a model was trained on: what it says of them is memory as well as skill.</summary>
public static class TrainedSentences
{
    /// <summary>The training file that a run folder names.</summary>
    /// <param name="folder">Output folder of a run, or any other.</param>
    /// <returns>Path as the training was told; null when the folder names none.</returns>
    public static string? FileOf(string folder) => Arguments(folder) is { } arguments ? Text(arguments, "train_file") : null;

    /// <summary>Reads the sentences of a training file.</summary>
    /// <param name="file">Rows about two people, in any form that is read.</param>
    /// <param name="folder">Output folder of the run, which may have cut rows off to evaluate on; null when it is not known.</param>
    /// <returns>The sentences; null when the rows are not about two people.</returns>
    /// <exception cref="OptionsException">The file cannot be read.</exception>
    public static IReadOnlySet<string>? Read(string file, string? folder)
    {
        var data = DatasetReader.Read(file, new DatasetReadOptions { Lenient = true, RequireLabel = false });
        return data.Kind == DatasetKind.Relations ? Kept(data.Relations, folder).Select(row => row.Text).ToHashSet(StringComparer.Ordinal)
            : null;
    }

    private static IReadOnlyList<RelationExample> Kept(IReadOnlyList<RelationExample> rows, string? folder)
    {
        if (folder is null || Arguments(folder) is not { } arguments || Number(arguments, "group_split") is not (> 0 and < 1 and var share))
        {
            return rows;
        }

        return GroupSplit.Cut(rows, share, (long)(Number(arguments, "seed") ?? 0), SplitGroup.Sentence).Kept;
    }

    private static JsonElement? Arguments(string folder)
    {
        var path = Path.Combine(folder, TrainingArtifact.ArgumentsFile);
        try
        {
            using var document = File.Exists(path) ? JsonDocument.Parse(File.ReadAllBytes(path)) : null;
            return document?.RootElement is { ValueKind: JsonValueKind.Object } root ? root.Clone() : null;
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            // The file is a help, not a part of the model: without it the caller names the rows.
            return null;
        }
    }

    private static string? Text(JsonElement arguments, string key) =>
        arguments.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static double? Number(JsonElement arguments, string key) =>
        arguments.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
}
