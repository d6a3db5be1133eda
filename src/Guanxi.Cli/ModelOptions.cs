using System.CommandLine;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;

namespace Guanxi.Cli;

/// <summary>The options of every verb that runs a model, and the loading of it.</summary>
internal sealed class ModelOptions
{
    private readonly Option<string> _dtype = OptionKinds.OneOf("--dtype", "Type to compute in; auto takes the faster one.", ["auto", "fp32", "bf16"]);
    private readonly Option<string?> _device = OptionKinds.Text("--device", "cpu|cuda[:N]", "Where to compute (default: cpu).");
    private readonly Option<int?> _threads = OptionKinds.Whole("--threads", "Threads of the processor (default: one a core).", 1);

    /// <summary>Adds the options to a command.</summary>
    public ModelOptions(Command command)
    {
        foreach (var option in (Option[])[Model, BaseModel, _dtype, _device, _threads])
        {
            command.Add(option);
        }
    }

    /// <summary>The model.</summary>
    public Option<string?> Model { get; } = ModelOption();

    /// <summary>The base of an adapter.</summary>
    public Option<string?> BaseModel { get; } = BaseOption();

    /// <summary>The option that names a model.</summary>
    public static Option<string?> ModelOption() => OptionKinds.Text("--model", "DIR", "The model: a Hugging Face folder, a PEFT adapter or what train wrote.");

    /// <summary>The option that names the base of an adapter.</summary>
    public static Option<string?> BaseOption() =>
        OptionKinds.Text("--base_model", "DIR", "Folder of an adapter's base model, when it is not where the adapter says.");

    /// <summary>The value of <c>--model</c>.</summary>
    /// <exception cref="OptionsException">It was not given.</exception>
    public static string Require(ParseResult parsed, Option<string?> model) => parsed.GetValue(model) is { Length: > 0 } path
        ? path
        : throw new OptionsException(new Problem(model.Name, "the option is missing", "the folder of a model"));

    /// <summary>Reads the options, sets the number of threads and says what it computes in.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="say">Told of the compute type.</param>
    /// <returns>How to load the model.</returns>
    /// <exception cref="OptionsException">The device is unknown or not there.</exception>
    public LanguageModelOptions Read(ParseResult parsed, Action<string> say)
    {
        var device = DeviceOf(parsed.GetValue(_device) ?? "cpu");
        if (parsed.GetValue(_threads) is { } threads)
        {
            TorchRuntime.Threads = threads;
        }

        var computeType = ComputeType.Choose(parsed.GetValue(_dtype)!, device, out var why);
        say(why);
        return new LanguageModelOptions { ComputeType = computeType, Device = device, BaseModel = parsed.GetValue(BaseModel) };
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

    private static Device DeviceOf(string text)
    {
        if (!Device.TryParse(text, out var device))
        {
            throw new OptionsException(new Problem("--device", "unknown device", "cpu, cuda or cuda:N", $"'{text}'"));
        }

        return device.IsCpu || device.Index < TorchRuntime.CudaDeviceCount ? device : throw new OptionsException(new Problem(
            "--device", "there is no such GPU that this libtorch can use", "cpu", $"'{text}'"));
    }
}
