using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Models;

/// <summary>Keys that the configurations of decoders and encoders have in common.</summary>
internal static class ConfigKeys
{
    /// <summary>Largest configuration file.</summary>
    public const int MaxFileBytes = 16 * 1024 * 1024;

    // Far beyond every model there is; they keep all products of sizes inside a long.
    public const int MostRows = 1 << 24;
    public const int MostWidth = 1 << 20;
    public const int MostLayers = 10_000;
    public const int MostHeads = 1 << 14;

    /// <summary>The class named under <c>architectures</c>, or null; several are given as one text that no family has.</summary>
    public static string? Architecture(JsonKeys keys) => keys.Texts("architectures") switch
    {
        null or [] => null,
        [var only] => only,
        var several => string.Join(", ", several),
    };

    /// <summary>Type that the weights are stored in; null where the file does not say.</summary>
    public static DType? StorageType(JsonKeys keys)
    {
        var key = keys.Has("dtype") ? "dtype" : "torch_dtype";
        var name = keys.Text(key);
        var type = DTypeNames.FromPython(name);
        if (type is null && name is not (null or "auto"))
        {
            keys.Report(key, "unknown element type", "float32, float16 or bfloat16", FileErrors.Quote(name));
        }

        return type;
    }

    /// <summary>Refuses every other activation; the first name is the one to recommend.</summary>
    public static void RequireActivation(JsonKeys keys, params ReadOnlySpan<string> names)
    {
        if (keys.Text("hidden_act") is { } found && !names.Contains(found))
        {
            keys.Report("hidden_act", "this activation is not supported", names[0], FileErrors.Quote(found));
        }
    }
}
