using System.CommandLine;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Training.Ranks;

namespace Guanxi.Cli;

/// <summary>The options that say in which type, where and on how many threads a model computes.</summary>
internal sealed class ComputeOptions
{
    private static readonly string[] s_types = [ComputeType.Auto, "fp32", "bf16"];

    private readonly Option<string> _dtype;
    private readonly Option<string?> _device = OptionKinds.Offering("--device", "cpu|cuda[:N]", "Where to compute (default: cpu).", ["cpu", "cuda"]);
    private readonly Option<int?> _threads = OptionKinds.Whole("--threads", "Threads of the processor (default: one a core).", 1);

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="usualType">Type to compute in where none is asked for.</param>
    public ComputeOptions(Command command, string usualType = ComputeType.Auto)
    {
        _dtype = TypeOption(usualType);
        foreach (var option in (Option[])[_dtype, _device, _threads])
        {
            command.Add(option);
        }
    }

    /// <summary>The option of the type alone.</summary>
    /// <param name="usual">Type to compute in where none is asked for.</param>
    public static Option<string> TypeOption(string usual) =>
        OptionKinds.OneOf("--dtype", "Type to compute in; auto takes the faster one.", [usual, .. s_types.Where(type => type != usual)]);

    /// <summary>Reads the options, sets the number of threads and says what it computes in.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="say">Told of the compute type.</param>
    /// <returns>How to load a model.</returns>
    /// <exception cref="OptionsException">The device is unknown or not there.</exception>
    public LanguageModelOptions Read(ParseResult parsed, Action<string> say) => Read(parsed, say, RankGroup.Alone);

    /// <summary>As <see cref="Read(ParseResult, Action{string})"/>, for one of several processes: each has its share of the processors, or a card.</summary>
    public LanguageModelOptions Read(ParseResult parsed, Action<string> say, RankGroup ranks)
    {
        var device = DeviceOf(parsed.GetValue(_device) ?? "cpu", ranks);
        ranks.UseThreads(parsed.GetValue(_threads) ?? 0);
        var computeType = ComputeType.Choose(parsed.GetValue(_dtype)!, device, TimeProvider.System, out var why);
        say(why);
        return new LanguageModelOptions { ComputeType = computeType, Device = device };
    }

    private static Device DeviceOf(string text, RankGroup ranks)
    {
        if (!Device.TryParse(text, out var named))
        {
            throw new OptionsException(new Problem("--device", "unknown device", "cpu, cuda or cuda:N", $"'{text}'"));
        }

        var device = ranks.OwnOf(named, text);
        return device.IsCpu || device.Index < TorchRuntime.CudaDeviceCount ? device : throw new OptionsException(new Problem(
            "--device", "there is no such GPU that this libtorch can use", "cpu", $"'{(device == named ? text : device.ToString())}'"));
    }
}
