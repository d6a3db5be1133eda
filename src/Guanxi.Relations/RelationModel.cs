using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Prompts;
using Guanxi.Transformers;
using Guanxi.Transformers.Inference;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Relations;

/// <summary>A model folder brought to memory with the question and the labels that belong to it.</summary>
public sealed class RelationModel : IDisposable
{
    private const string SupportedMethod = "llm";

    private readonly ITokenizer _tokenizer;

    private RelationModel(LanguageModel language, ITokenizer tokenizer, PromptTemplate template, RelationSchema schema)
    {
        Language = language;
        _tokenizer = tokenizer;
        Template = template;
        Schema = schema;
    }

    /// <summary>The language model.</summary>
    public LanguageModel Language { get; }

    /// <summary>The question.</summary>
    public PromptTemplate Template { get; }

    /// <summary>The labels.</summary>
    public RelationSchema Schema { get; }

    /// <summary>Loads a folder and makes sure that model, tokenizer, prompt and labels belong together.</summary>
    /// <param name="path">What <c>train</c> wrote, or another model or adapter.</param>
    /// <param name="options">How to load it, and what its folder does not say.</param>
    /// <returns>The model, owned by the caller.</returns>
    /// <exception cref="CheckpointException">A file is missing, damaged, or not the one of the training; all problems are listed.</exception>
    /// <exception cref="OptionsException">Nobody names the labels, or labels or prompt are wrong.</exception>
    public static RelationModel Load(string path, RelationModelOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        var folder = ModelFolder.Find(path, options.Language.BaseModel);
        var (info, where) = FindInfo(folder);
        var schema = SchemaOf(info, where, path, options);
        var template = PromptTemplate.Parse(options.PromptTemplate ?? info.PromptTemplate ?? PromptTemplate.Article, schema.Labels, "prompt_template");
        if (folder.Adapter is not null && info.BaseModel?.Sha256 is not null)
        {
            info.RequireBase(BaseModelIdentity.Of(folder.Base, folder.Base), where);
        }

        var language = LanguageModel.Load(path, options.Language);
        try
        {
            var tokenizer = language.RequireTokenizer();
            info.Require(tokenizer, where);
            return new RelationModel(language, tokenizer, template, schema);
        }
        catch
        {
            // Not handled: only the model must not stay in memory.
            language.Dispose();
            throw;
        }
    }

    /// <summary>Makes a classifier over the closed list of labels.</summary>
    /// <returns>The classifier, owned by the caller; this model must outlive it.</returns>
    /// <exception cref="OptionsException">Tokenizer, labels and model do not fit together.</exception>
    public RelationClassifier Classifier() => new(Language.Decoder, _tokenizer, Template, Schema, Language.Evaluation);

    /// <summary>Makes a generator of free answers.</summary>
    /// <param name="options">How to decode.</param>
    /// <returns>The generator; this model must outlive it.</returns>
    /// <exception cref="OptionsException">The tokenizer has no stop token.</exception>
    public AnswerGenerator Answers(GenerationOptions options) =>
        new(Language.Decoder, _tokenizer, Template, Schema, Language.Evaluation, options);

    /// <summary>Releases the model.</summary>
    public void Dispose() => Language.Dispose();

    /// <summary>What the adapter's folder says, or else the base's; an empty record where neither says anything.</summary>
    private static (ArtifactInfo Info, string Folder) FindInfo(ModelFolder folder)
    {
        foreach (var place in (string?[])[folder.Adapter, folder.Base])
        {
            if (place is not null && ArtifactInfo.TryRead(place) is { } info)
            {
                return info.Method is null or SupportedMethod ? (info, place) : throw new CheckpointException(new Problem(
                    $"{Path.Combine(place, ArtifactInfo.FileName)}, method", "this method is not one of this program's", SupportedMethod, info.Method));
            }
        }

        return (new ArtifactInfo(), folder.Base);
    }

    private static RelationSchema SchemaOf(ArtifactInfo info, string where, string path, RelationModelOptions options)
    {
        if (options.Schema is not null)
        {
            return options.Schema;
        }

        return info.Labels.Count > 0 ? info.ToSchema(Path.Combine(where, ArtifactInfo.FileName)) : options.SchemaIfNone?.Invoke()
            ?? throw new OptionsException(new Problem(
                path, $"the folder does not name the relations to choose from: it has no {ArtifactInfo.FileName} with labels",
                Hint: "Take a folder that train wrote, or name the labels with --labels_file."));
    }
}

/// <summary>How <see cref="RelationModel.Load"/> brings a model to memory.</summary>
public sealed record RelationModelOptions
{
    /// <summary>Compute type, device, base of an adapter.</summary>
    /// <value>Float32 on the CPU.</value>
    public LanguageModelOptions Language { get; init; } = new();

    /// <summary>Labels to choose from instead of the folder's.</summary>
    /// <value>Null: the folder's own.</value>
    public RelationSchema? Schema { get; init; }

    /// <summary>Gives labels where neither caller nor folder names any.</summary>
    /// <value>Null: that is an error.</value>
    public Func<RelationSchema>? SchemaIfNone { get; init; }

    /// <summary>Text of the question instead of the folder's.</summary>
    /// <value>Null: the folder's own, or the article's.</value>
    public string? PromptTemplate { get; init; }
}
