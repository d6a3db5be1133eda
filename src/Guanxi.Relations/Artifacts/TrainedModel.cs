using Guanxi.Relations.Encoders;
using Guanxi.Relations.Prompts;
using Guanxi.Relations.Tfidf;
using Guanxi.Transformers;
using Guanxi.Transformers.Hubs;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;

namespace Guanxi.Relations.Artifacts;

/// <summary>A trained classifier as it was written, whatever its method: weights, labels, and what else it needs, checked to belong together.</summary>
public sealed class TrainedModel : IDisposable
{
    private TrainedModel(ArtifactInfo info, IRelationClassifier classifier) => (Info, Classifier) = (info, classifier);

    /// <summary>What the artefact says of itself.</summary>
    public ArtifactInfo Info { get; }

    /// <summary>Its labels.</summary>
    public RelationSchema Schema => Classifier.Schema;

    /// <summary>Answers which relation holds.</summary>
    public IRelationClassifier Classifier { get; }

    /// <summary>Its question; null when its method asks none.</summary>
    public PromptTemplate? Template { get; private init; }

    /// <summary>The language model below; null when its method has none.</summary>
    public LanguageModel? Model { get; private init; }

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
        path = HubCache.OfProcess.Resolve(path);
        var info = ArtifactInfo.TryRead(path);
        return MethodOf(path, info) switch
        {
            Methods.Llm => LoadLanguageModel(path, options, overrides),
            Methods.Tfidf => LoadTfidf(path, info!, overrides),
            var method => LoadEncoder(path, (info ?? new ArtifactInfo()) with { Method = method }, options, overrides),
        };
    }

    /// <summary>Makes a generator of free answers.</summary>
    /// <param name="options">How to decode.</param>
    /// <returns>The generator; this model must outlive it.</returns>
    /// <exception cref="OptionsException">Its method generates no text.</exception>
    public AnswerGenerator Answers(GenerationOptions options)
    {
        var model = RequireModel();
        return new AnswerGenerator(model.Decoder, model.RequireTokenizer(), Template!, Schema, model.Evaluation, options);
    }

    /// <summary>The language model below.</summary>
    /// <returns>The model; it stays this object's.</returns>
    /// <exception cref="OptionsException">Its method has none.</exception>
    public LanguageModel RequireModel() => Model ?? throw new OptionsException(new Problem(
        "model", "this works with language models only", $"a model of method {Methods.Llm}", Info.Method));

    /// <summary>Releases classifier and model.</summary>
    public void Dispose()
    {
        Classifier.Dispose();
        Model?.Dispose();
    }

    /// <summary>The method that the folder names, or that its configuration has the head of.</summary>
    private static string MethodOf(string path, ArtifactInfo? info)
    {
        if (info?.Method is { } named)
        {
            return Methods.All.Contains(named) ? named : throw new CheckpointException(new Problem(
                Path.Combine(path, ArtifactInfo.FileName), "the method is not known", string.Join(" | ", Methods.All), named));
        }

        return !EncoderModel.IsEncoder(path) ? Methods.Llm : EncoderConfig.Read(path).Head switch
        {
            EncoderHead.Classification => Methods.BertCls,
            EncoderHead.EntityPair => Methods.RBert,
            _ => Methods.Llm,
        };
    }

    private static TrainedModel LoadTfidf(string path, ArtifactInfo info, TaskOverrides overrides) =>
        new(info, TfidfModel.Load(path, FixedSchema(info, info.Labels, path, overrides)));

    private static TrainedModel LoadEncoder(string path, ArtifactInfo info, LanguageModelOptions options, TaskOverrides overrides)
    {
        var model = PairModel.Load(path, info, options);
        try
        {
            var schema = FixedSchema(info, model.Labels, path, overrides);
            var linear = info.LinearShare is { } share ? new LinearPart(TfidfModel.Load(path, schema), share) : null;
            return new TrainedModel(info, new PairClassifier(model, schema) { Linear = linear });
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static TrainedModel LoadLanguageModel(string path, LanguageModelOptions options, TaskOverrides overrides)
    {
        var folder = ModelFolder.Find(path, options.BaseModel);
        var (info, where) = FindInfo(folder);
        var schema = SchemaOf(info, Path.Combine(where, ArtifactInfo.FileName), overrides);
        var template = PromptTemplate.Parse(
            overrides.PromptTemplate ?? info.PromptTemplate ?? PromptTemplate.Usual(schema.Labels), schema.Labels, Path.Combine(where, ArtifactInfo.FileName));
        var model = LanguageModel.Load(path, options);
        try
        {
            info.Require(model.RequireTokenizer(), where);
            if (folder.Adapter is not null && info.BaseModel is not null)
            {
                info.RequireBase(BaseModelIdentity.Of(folder.Base, folder.Base), where);
            }

            var classifier = new RelationClassifier(model.Decoder, model.RequireTokenizer(), template, schema, model.Evaluation);
            return new TrainedModel(info, classifier) { Model = model, Template = template };
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The labels of a model that has a class for each: others can only be other spellings of them.</summary>
    private static RelationSchema FixedSchema(ArtifactInfo info, IReadOnlyList<string> classes, string path, TaskOverrides overrides)
    {
        var where = Path.Combine(path, ArtifactInfo.FileName);
        var own = info.Labels.Count > 0 ? info.ToSchema(where) : RelationSchema.FromLabels([.. classes.Select(label => (string[])[label])], path);
        if (own.Labels.Count != classes.Count)
        {
            throw new CheckpointException(new Problem(where, "the model has another number of classes", $"{classes.Count} labels", $"{own.Labels.Count}"));
        }

        if (overrides.Schema is not { } named)
        {
            return own;
        }

        return named.Labels.Count == classes.Count && (info.Labels.Count == 0 || named.Labels.SequenceEqual(own.Labels))
            ? named
            : throw new OptionsException(new Problem(
                "labels_file", "a trained classifier keeps its labels", $"{string.Join(", ", own.Labels)}, in this order", string.Join(", ", named.Labels)));
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
    /// <value>Null: the folder's, or the usual one of its labels.</value>
    public string? PromptTemplate { get; init; }
}
