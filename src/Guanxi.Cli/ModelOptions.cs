using System.CommandLine;
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Cli;

/// <summary>The options of every verb that runs a model, and the loading of it.</summary>
internal sealed class ModelOptions
{
    private readonly ComputeOptions _computing;

    /// <summary>Adds the options to a command.</summary>
    public ModelOptions(Command command)
    {
        command.Add(Model);
        command.Add(BaseModel);
        _computing = new ComputeOptions(command);
    }

    /// <summary>The model.</summary>
    public Option<string?> Model { get; } = ModelOption();

    /// <summary>The base of an adapter.</summary>
    public Option<string?> BaseModel { get; } = BaseOption();

    /// <summary>The option that names a model.</summary>
    public static Option<string?> ModelOption() => OptionKinds.Text("--model", "DIR|FILE", "The model: a Hugging Face folder, a PEFT adapter, what train wrote, or a .gguf file.");

    /// <summary>The option that names the base of an adapter.</summary>
    public static Option<string?> BaseOption() =>
        OptionKinds.Text("--base_model", "DIR", "Folder of an adapter's base model, when it is not where the adapter says.");

    /// <summary>The value of <c>--model</c>.</summary>
    /// <exception cref="OptionsException">It was not given.</exception>
    public static string Require(ParseResult parsed, Option<string?> model) => parsed.GetValue(model) is { Length: > 0 } path
        ? path
        : throw new OptionsException(new Problem(model.Name, "the option is missing", "the folder of a model, or a .gguf file"));

    /// <summary>Reads the options, sets the number of threads and says what it computes in.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="say">Told of the compute type.</param>
    /// <returns>How to load the model.</returns>
    /// <exception cref="OptionsException">The device is unknown or not there.</exception>
    public LanguageModelOptions Read(ParseResult parsed, Action<string> say) => Read(parsed, say, RankGroup.Alone);

    /// <summary>As <see cref="Read(ParseResult, Action{string})"/>, for one of several processes.</summary>
    public LanguageModelOptions Read(ParseResult parsed, Action<string> say, RankGroup ranks)
    {
        // A linear model computes in no type of libtorch's: what is said of it would only puzzle.
        var isLinear = parsed.GetValue(Model) is { } path && ArtifactInfo.TryRead(path)?.Method == Methods.Tfidf;
        return _computing.Read(parsed, isLinear ? _ => { } : say, ranks) with { BaseModel = parsed.GetValue(BaseModel) };
    }

    /// <summary>Loads the model that the options name.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="say">Told of the compute type.</param>
    /// <returns>The model, owned by the caller.</returns>
    public LanguageModel Load(ParseResult parsed, Action<string> say)
    {
        var path = Require(parsed, Model);
        return LanguageModel.Load(path, Read(parsed, say));
    }
}
