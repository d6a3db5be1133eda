using Guanxi.Relations.Prompts;
using Guanxi.Transformers;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Relations.Artifacts;

/// <summary>A trained classifier as it was written: weights, tokenizer, labels and prompt, checked to belong together.</summary>
public sealed class TrainedModel : IDisposable
{
    private readonly LanguageModel _model;
    private readonly ITokenizer _tokenizer;
    private readonly RelationClassifier _classifier;

    private TrainedModel(LanguageModel model, ArtifactInfo info, RelationSchema schema, PromptTemplate template)
    {
        (_model, Info, Schema, Template) = (model, info, schema, template);
        _tokenizer = model.RequireTokenizer();
        _classifier = new RelationClassifier(model.Decoder, _tokenizer, template, schema, model.Evaluation);
    }

    /// <summary>What the artefact says of itself.</summary>
    public ArtifactInfo Info { get; }

    /// <summary>Its labels.</summary>
    public RelationSchema Schema { get; }

    /// <summary>Its question.</summary>
    public PromptTemplate Template { get; }

    /// <summary>Answers which relation holds.</summary>
    public IRelationClassifier Classifier => _classifier;

    /// <summary>The language model below.</summary>
    public LanguageModel Model => _model;

    /// <summary>Loads an artefact.</summary>
    /// <param name="folder">Output folder of a training run.</param>
    /// <param name="options">Form in memory, compute type and device.</param>
    /// <returns>The classifier, owned by the caller.</returns>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the parts do not belong together.</exception>
    public static TrainedModel Load(string folder, LanguageModelOptions options) => Load(folder, options, new TaskOverrides());

    /// <summary>Loads an artefact, or a model whose folder does not say what it was trained for.</summary>
    /// <param name="path">Output folder of a training run, another model folder, or an adapter.</param>
    /// <param name="options">Form in memory, compute type and device.</param>
    /// <param name="overrides">What to take instead of what the folder says.</param>
    /// <returns>The classifier, owned by the caller.</returns>
    /// <exception cref="CheckpointException">A file is missing or damaged, or the parts do not belong together.</exception>
    /// <exception cref="OptionsException">Labels or prompt are wrong.</exception>
    public static TrainedModel Load(string path, LanguageModelOptions options, TaskOverrides overrides)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(overrides);
        var folder = ModelFolder.Find(path, options.BaseModel);
        var (info, where) = FindInfo(folder);
        var schema = SchemaOf(info, Path.Combine(where, ArtifactInfo.FileName), overrides);
        var template = PromptTemplate.Parse(
            overrides.PromptTemplate ?? info.PromptTemplate ?? PromptTemplate.Article, schema.Labels, Path.Combine(where, ArtifactInfo.FileName));
        var model = LanguageModel.Load(path, options);
        try
        {
            info.Require(model.RequireTokenizer(), where);
            if (folder.Adapter is not null && info.BaseModel is not null)
            {
                info.RequireBase(BaseModelIdentity.Of(folder.Base, folder.Base), where);
            }

            return new TrainedModel(model, info, schema, template);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Makes a generator of free answers.</summary>
    /// <param name="options">How to decode.</param>
    /// <returns>The generator; this model must outlive it.</returns>
    public AnswerGenerator Answers(GenerationOptions options) => new(_model.Decoder, _tokenizer, Template, Schema, _model.Evaluation, options);

    /// <summary>Releases classifier and model.</summary>
    public void Dispose()
    {
        _classifier.Dispose();
        _model.Dispose();
    }

    /// <summary>What the folder says; an adapter that says nothing has its base's question.</summary>
    private static (ArtifactInfo Info, string Folder) FindInfo(ModelFolder folder)
    {
        var own = folder.Adapter ?? folder.Base;
        return (ArtifactInfo.TryRead(own) ?? ArtifactInfo.TryRead(folder.Base) ?? new ArtifactInfo(), own);
    }

    private static RelationSchema SchemaOf(ArtifactInfo info, string where, TaskOverrides overrides)
    {
        if (overrides.Schema is { } named)
        {
            return named;
        }

        if (info.Labels.Count > 0)
        {
            return info.ToSchema(where);
        }

        return overrides.SchemaIfNone?.Invoke() ?? throw new CheckpointException(new Problem(
            where,
            File.Exists(where) ? "the file names no labels: this is a base model" : "the file is missing, so nothing says which labels the model answers with",
            "a folder that 'guanxi train' has finished",
            Hint: "Train first; a run that was interrupted is finished with --resume_from_checkpoint true."));
    }
}

/// <summary>What to take instead of what a model's folder says about its task.</summary>
public sealed record TaskOverrides
{
    /// <summary>Labels to choose from.</summary>
    /// <value>Null: the folder's.</value>
    public RelationSchema? Schema { get; init; }

    /// <summary>Gives labels where neither caller nor folder names any.</summary>
    /// <value>Null: that is an error.</value>
    public Func<RelationSchema>? SchemaIfNone { get; init; }

    /// <summary>Text of the question.</summary>
    /// <value>Null: the folder's, or the article's.</value>
    public string? PromptTemplate { get; init; }
}
