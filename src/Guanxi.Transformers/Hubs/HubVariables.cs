using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Hubs;

/// <summary>What the environment says about hubs: the variables of the hubs' own programs, with their meaning there.</summary>
/// <param name="read">Gives the value of an environment variable, or null.</param>
public sealed class HubVariables(Func<string, string?> read)
{
    /// <summary>Variable of the Hugging Face token; errors name it.</summary>
    internal const string HuggingFaceTokenName = "HF_TOKEN";

    /// <summary>Variable of the ModelScope token; errors name it.</summary>
    internal const string ModelScopeTokenName = "MODELSCOPE_API_TOKEN";

    /// <summary>Variable that forbids asking Hugging Face; the error names it.</summary>
    internal const string OfflineName = "HF_HUB_OFFLINE";

    private const string TokenFile = "token";

    private static readonly string[] s_true = ["1", "ON", "YES", "TRUE"];

    /// <summary>The variables of this process.</summary>
    public static HubVariables OfProcess { get; } = new(Environment.GetEnvironmentVariable);

    /// <summary>Whether models come from ModelScope unless the caller says otherwise.</summary>
    /// <value>False.</value>
    public bool PrefersModelScope => IsTrue("USE_MODELSCOPE_HUB") || IsTrue("UNSLOTH_USE_MODELSCOPE");

    /// <summary>Whether Hugging Face must not be asked.</summary>
    internal bool IsOffline => IsTrue(OfflineName) || IsTrue("TRANSFORMERS_OFFLINE");

    /// <summary>Address of Hugging Face or a mirror of it.</summary>
    internal string HuggingFaceEndpoint => Text("HF_ENDPOINT") ?? "https://huggingface.co";

    /// <summary>Address of ModelScope.</summary>
    internal string ModelScopeEndpoint => Text("MODELSCOPE_ENDPOINT") ?? Text("MODELSCOPE_DOMAIN") ?? "https://modelscope.cn";

    /// <summary>Folders of Hugging Face's cache, first the one that is looked into first.</summary>
    internal IEnumerable<string> HuggingFaceCaches =>
        [Text("HF_HUB_CACHE") ?? Text("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(HuggingFaceHome, "hub")];

    /// <summary>Folders of ModelScope's cache: older programs wrote below <c>hub</c>, and some are told that folder itself.</summary>
    internal IEnumerable<string> ModelScopeCaches
    {
        get
        {
            var root = Text("MODELSCOPE_CACHE") ?? Path.Combine(UserCache, "modelscope");
            return [root, Path.Combine(root, "hub")];
        }
    }

    private string HuggingFaceHome => Text("HF_HOME") ?? Path.Combine(Text("XDG_CACHE_HOME") ?? UserCache, "huggingface");

    private string UserCache => Path.Combine(Home, ".cache");

    private string Home => read("HOME") ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    /// <summary>The user's token for Hugging Face, or null.</summary>
    /// <exception cref="OptionsException">It is no token.</exception>
    internal string? HuggingFaceToken() =>
        TokenOf(HuggingFaceTokenName) ?? TokenOf("HUGGING_FACE_HUB_TOKEN") ?? TokenOf("HUGGINGFACE_HUB_TOKEN")
        ?? TokenIn(Text("HF_TOKEN_PATH") ?? Path.Combine(HuggingFaceHome, TokenFile));

    /// <summary>The user's token for ModelScope, or null.</summary>
    /// <exception cref="OptionsException">It is no token.</exception>
    internal string? ModelScopeToken() => TokenOf(ModelScopeTokenName);

    private static string? Checked(string? text, string where)
    {
        var token = text?.Trim();
        if (string.IsNullOrEmpty(token))
        {
            return null;
        }

        return token.All(character => character is > ' ' and <= '~') ? token : throw new OptionsException(new Problem(
            where, "this is no token", "one word of letters and digits", Hint: "Copy it again from the hub's settings."));
    }

    private static string? TokenIn(string file)
    {
        try
        {
            return File.Exists(file) ? Checked(File.ReadAllText(file), file) : null;
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw new OptionsException(new Problem(file, "the token cannot be read", Found: error.Message.TrimEnd('.')));
        }
    }

    private string? TokenOf(string name) => Checked(read(name), name);

    private string? Text(string name)
    {
        if (read(name)?.Trim() is not { Length: > 0 } text)
        {
            return null;
        }

        return text == "~" || text.StartsWith("~/", StringComparison.Ordinal) ? Home + text[1..] : text;
    }

    private bool IsTrue(string name) => s_true.Contains(Text(name)?.ToUpperInvariant());
}
