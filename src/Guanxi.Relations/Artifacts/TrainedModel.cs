using Guanxi.Transformers;
using Guanxi.Transformers.Models;

namespace Guanxi.Relations.Artifacts;

/// <summary>A trained classifier as it was written: weights, tokenizer, labels and prompt, checked to belong together.</summary>
public sealed class TrainedModel : IDisposable
{
    private readonly LanguageModel _model;
    private readonly RelationClassifier _classifier;

    private TrainedModel(LanguageModel model, ArtifactInfo info, RelationSchema schema, RelationClassifier classifier)
    {
        (_model, Info, Schema, _classifier) = (model, info, schema, classifier);
    }

    /// <summary>What the artefact says of itself.</summary>
    public ArtifactInfo Info { get; }

    /// <summary>Its labels.</summary>
    public RelationSchema Schema { get; }

    /// <summary>Answers which relation holds.</summary>
    public IRelationClassifier Classifier => _classifier;

    /// <summary>The language model below.</summary>
    public LanguageModel Model => _model;

    /// <summary>Loads an artefact.</summary>
    /// <param name="folder">Output folder of a training run.</param>
    /// <param name="options">Form in memory, compute type and device.</param>
    /// <returns>The classifier, owned by the caller.</returns>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the parts do not belong together.</exception>
    public static TrainedModel Load(string folder, LanguageModelOptions options)
    {
        var where = Path.Combine(folder, ArtifactInfo.FileName);
        var info = Directory.Exists(folder) ? ArtifactInfo.TryRead(folder) : null;
        if (info is null || info.Labels.Count == 0)
        {
            throw new CheckpointException(new Problem(
                where,
                info is null ? "the file is missing, so nothing says which labels the model answers with" : "the file names no labels: this is a base model",
                "a folder that 'guanxi train' has finished",
                Hint: "Train first; a run that was interrupted is finished with --resume_from_checkpoint true."));
        }

        var schema = info.ToSchema(where);
        var model = LanguageModel.Load(folder, options);
        try
        {
            var tokenizer = model.RequireTokenizer();
            info.Require(tokenizer, folder);
            if (model.AdapterFolder is not null && info.BaseModel is not null)
            {
                info.RequireBase(BaseModelIdentity.Of(model.BaseFolder, model.BaseFolder), folder);
            }

            return new TrainedModel(model, info, schema, new RelationClassifier(model.Decoder, tokenizer, info.ToTemplate(where), schema, model.Evaluation));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Releases classifier and model.</summary>
    public void Dispose()
    {
        _classifier.Dispose();
        _model.Dispose();
    }
}
