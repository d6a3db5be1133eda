using Guanxi.Relations.Training;
using Guanxi.Transformers;
using Guanxi.Transformers.Hubs;

namespace Guanxi.Cli;

/// <summary>Finds the sentences that a model was trained on.</summary>
internal static class TrainedRows
{
    /// <summary>The sentences, as far as they can be found.</summary>
    /// <param name="model">The model; null when it is not at hand.</param>
    /// <param name="file">The file that the user named; null: the one that the model's folder names.</param>
    /// <param name="status">Told why there are none.</param>
    /// <exception cref="OptionsException">The file that the user named cannot be read.</exception>
    public static IReadOnlySet<string>? Of(string? model, string? file, StatusLine status)
    {
        var folder = model is null ? null : HubCache.OfProcess.Resolve(model);
        if (file is not null)
        {
            return TrainedSentences.Read(file, folder);
        }

        if (folder is null || TrainedSentences.FileOf(folder) is not { } named)
        {
            return null;
        }

        try
        {
            return TrainedSentences.Read(named, folder);
        }
        catch (OptionsException error)
        {
            status.Say($"which sentences were trained on is not known: {error.Problems[0]} (--train_file names them)");
            return null;
        }
    }
}
