using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.Transformers;

namespace Guanxi.Relations.Artifacts;

/// <summary>The text form of <see cref="ArtifactInfo"/>.</summary>
internal static class ArtifactJson
{
    /// <summary>Key of a base's own values for keys of training that were not given.</summary>
    public const string Defaults = "train_defaults";

    private const char ByteOrderMark = '\uFEFF';
    private const int MaxBytes = 4 * 1024 * 1024;
    private const string Format = "format_version";
    private const string Method = "method";
    private const string Labels = "labels";
    private const string Aliases = "aliases";
    private const string Template = "prompt_template";
    private const string Chat = "chat_format";
    private const string Stops = "stop_tokens";
    private const string Tokenizer = "tokenizer_sha256";
    private const string MaxLength = "max_length";
    private const string Decoding = "decoding";
    private const string LoadType = "model_load_dtype";
    private const string LinearShare = "linear_share";
    private const string Metrics = "metrics";
    private const string Seed = "seed";
    private const string Versions = "versions";
    private const string Base = "base_model";
    private const string BaseName = "name_or_path";
    private const string BaseHash = "sha256";
    private const string BaseNorms = "norms_sha256";
    private const string BaseQuantized = "quantized";

    private static readonly JsonSerializerOptions s_indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    public static string Write(ArtifactInfo info)
    {
        var root = new JsonObject
        {
            [Format] = ArtifactInfo.FormatVersion,
            [Method] = info.Method,
            [Labels] = List(info.Labels),
            [Aliases] = Map(info.Aliases.OrderBy(pair => IndexOf(info.Labels, pair.Key)), names => List(names)),
            [Template] = info.PromptTemplate,
            [Chat] = info.ChatFormat,
            [Stops] = List(info.StopTokens),
            [Tokenizer] = info.TokenizerSha256,
            [MaxLength] = info.MaxLength,
            [Decoding] = info.Decoding,
            [LoadType] = info.ModelLoadDtype,
            [LinearShare] = info.LinearShare,
            [Metrics] = Map(info.Metrics.Where(pair => double.IsFinite(pair.Value)), value => JsonValue.Create(value)),
            [Seed] = info.Seed,
            [Versions] = Map(info.Versions, text => JsonValue.Create(text)),
            [Base] = info.BaseModel is { } model ? WriteBase(model) : null,
        };
        foreach (var silent in root.Where(pair => pair.Value is null or JsonArray { Count: 0 } or JsonObject { Count: 0 }).ToArray())
        {
            root.Remove(silent.Key);
        }

        return root.ToJsonString(s_indented) + "\n";
    }

    public static ArtifactInfo Read(string path)
    {
        var problems = new List<Problem>();
        var root = new ObjectKeys(Parse(path), path, problems);
        if (root.Whole(Format, 1, int.MaxValue) is > ArtifactInfo.FormatVersion and var version)
        {
            throw new CheckpointException(new Problem($"{path}, {Format}", "the file was written by a newer version of this program",
                $"at most {ArtifactInfo.FormatVersion}", $"{version}", "Use that version, or a later one."));
        }

        var model = root.Nested(Base);
        var info = new ArtifactInfo
        {
            Method = root.Text(Method),
            Labels = root.Texts(Labels),
            Aliases = root.Entries(Aliases, (keys, name) => (IReadOnlyList<string>)keys.Texts(name)),
            PromptTemplate = root.Text(Template),
            ChatFormat = root.Text(Chat),
            StopTokens = root.Texts(Stops),
            TokenizerSha256 = root.Text(Tokenizer),
            MaxLength = (int?)root.Whole(MaxLength, 1, int.MaxValue),
            Decoding = root.Text(Decoding),
            ModelLoadDtype = root.Text(LoadType),
            LinearShare = root.Number(LinearShare, "a number between 0 and 1", share => share is > 0 and < 1),
            Metrics = root.Entries(Metrics, (keys, name) => keys.Number(name, isRequired: true) ?? 0),
            Seed = root.Whole(Seed, long.MinValue, long.MaxValue),
            Versions = root.Entries(Versions, (keys, name) => keys.Text(name) ?? ""),
            BaseModel = model is null ? null : ReadBase(model),
        };
        problems.AddRange(info.Aliases.Keys.Except(info.Labels).Select(name => new Problem(
            $"{path}, {Aliases}", "these belong to no label", $"a name from \"{Labels}\"", name)));
        return problems.Count == 0 ? info : throw new CheckpointException(problems);
    }

    /// <summary>What a base says of its training: its question, and an object of keys.</summary>
    /// <param name="path">Its file.</param>
    /// <returns>Each null where the file does not say.</returns>
    /// <exception cref="CheckpointException">The file is damaged, or one of the two is of another kind.</exception>
    public static (string? Template, JsonElement? Defaults) ReadDefaults(string path)
    {
        var problems = new List<Problem>();
        var root = Parse(path);
        var keys = new ObjectKeys(root, path, problems);
        var found = (keys.Text(Template), keys.Nested(Defaults) is null ? null : (JsonElement?)root.GetProperty(Defaults));
        return problems.Count == 0 ? found : throw new CheckpointException(problems);
    }

    private static JsonElement Parse(string path)
    {
        try
        {
            var size = new FileInfo(path).Length;
            if (size > MaxBytes)
            {
                throw new CheckpointException(new Problem(path, "the file is too large for its kind", $"at most {MaxBytes} bytes",
                    $"{size} bytes"));
            }

            var text = s_utf8.GetString(File.ReadAllBytes(path)).TrimStart(ByteOrderMark);
            using var document = JsonDocument.Parse(text, s_strict);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new CheckpointException(new Problem(path, "the file holds no JSON object", "{...}",
                    $"{document.RootElement.ValueKind}"));
        }
        catch (Exception fault)
            when (fault is JsonException or InvalidOperationException or DecoderFallbackException or IOException
                or UnauthorizedAccessException)
        {
            // InvalidOperationException: a name with half a surrogate pair, found when duplicates are looked for.
            throw new CheckpointException(new Problem(path, "the file cannot be read as JSON", Found: fault.Message.TrimEnd('.')), fault);
        }
    }

    private static JsonObject WriteBase(BaseModelIdentity model)
    {
        var json = new JsonObject { [BaseName] = model.NameOrPath, [BaseHash] = model.Sha256 };
        if (model.NormsSha256 is { } norms)
        {
            json[BaseNorms] = norms;
        }

        if (model.IsQuantized)
        {
            json[BaseQuantized] = true;
        }

        return json;
    }

    private static BaseModelIdentity ReadBase(ObjectKeys keys) => new(keys.Text(BaseName) ?? "", keys.Text(BaseHash))
    {
        NormsSha256 = keys.Text(BaseNorms),
        IsQuantized = keys.Flag(BaseQuantized),
    };

    private static JsonArray List(IEnumerable<string> items) => new([.. items.Select(item => (JsonNode?)JsonValue.Create(item))]);

    private static JsonObject Map<T>(IEnumerable<KeyValuePair<string, T>> pairs, Func<T, JsonNode?> value) =>
        new(pairs.Select(pair => KeyValuePair.Create(pair.Key, value(pair.Value))));

    private static int IndexOf(IReadOnlyList<string> labels, string label) =>
        labels.Index().FirstOrDefault(item => item.Item == label).Index;
}
