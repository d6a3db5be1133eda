using System.Text.Json;

namespace Guanxi.Transformers.Tokenization;

/// <summary>A token that a model folder adds behind the vocabulary of its tokenizer file.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">Its spelling.</param>
/// <param name="IsSpecial">True for a control token; false for one that is found in any text.</param>
internal readonly record struct AddedToken(int Id, string Text, bool IsSpecial);

/// <summary>What <c>tokenizer_config.json</c> and its older companions say about special tokens; null where they are silent.</summary>
/// <remarks>Files of a Hugging Face model folder: tokenizer_config.json, special_tokens_map.json, added_tokens.json.</remarks>
internal sealed class TokenizerConfig
{
    private const string ConfigFile = "tokenizer_config.json";
    private const string SpecialFile = "special_tokens_map.json";
    private const string AddedFile = "added_tokens.json";

    private readonly List<Problem> _problems = [];
    private readonly SortedDictionary<int, AddedToken> _added = [];

    private TokenizerConfig(string folder) => Folder = folder;

    /// <summary>The folder, for messages.</summary>
    public string Folder { get; }

    /// <summary>Whether a sequence begins with the bos token.</summary>
    public bool? AddBos { get; private set; }

    /// <summary>Whether a sequence ends with the eos token.</summary>
    public bool? AddEos { get; private set; }

    /// <summary>Spelling of the bos token.</summary>
    public string? Bos { get; private set; }

    /// <summary>Spelling of the eos token.</summary>
    public string? Eos { get; private set; }

    /// <summary>Spelling of the pad token.</summary>
    public string? Pad { get; private set; }

    /// <summary>Tokens with ids of their own, in the order of the ids; some may repeat the vocabulary.</summary>
    public IReadOnlyCollection<AddedToken> Added => _added.Values;

    /// <summary>Reads the files that are there.</summary>
    /// <param name="folder">A model folder.</param>
    /// <returns>What they say.</returns>
    /// <exception cref="CheckpointException">A file cannot be read, is no JSON or holds values of the wrong kind.</exception>
    public static TokenizerConfig Read(string folder)
    {
        var config = new TokenizerConfig(folder);
        config.ReadFile(ConfigFile, config.ReadMain);
        config.ReadFile(SpecialFile, config.ReadNames);
        config.ReadFile(AddedFile, config.ReadAdded);
        return config._problems.Count == 0 ? config : throw new CheckpointException(config._problems);
    }

    private void ReadFile(string name, Action<string, JsonElement> read)
    {
        var path = Path.Combine(Folder, name);
        if (!File.Exists(path))
        {
            return;
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                read(path, document.RootElement);
            }
            else
            {
                _problems.Add(new Problem(path, "the file holds no JSON object", "{...}", $"{document.RootElement.ValueKind}"));
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            // InvalidOperationException: a string with half a surrogate pair is only found when it is read.
            _problems.Add(new Problem(path, "the file cannot be read as JSON", Found: e.Message));
        }
    }

    private void ReadMain(string path, JsonElement root)
    {
        AddBos = Flag(path, root, "add_bos_token");
        AddEos = Flag(path, root, "add_eos_token");
        ReadNames(path, root);
        if (!root.TryGetProperty("added_tokens_decoder", out var added) || added.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var entry in added.EnumerateObject())
        {
            var text = Name(path, added, entry.Name);
            if (text is not null && int.TryParse(entry.Name, out var id))
            {
                var special = entry.Value.ValueKind == JsonValueKind.Object ? Flag(path, entry.Value, "special") : null;
                Add(path, new AddedToken(id, text, special ?? true));
            }
            else
            {
                _problems.Add(new Problem($"{path}, added_tokens_decoder", "the entry is no token with its id", Found: $"'{entry.Name}'"));
            }
        }
    }

    private void ReadNames(string path, JsonElement root)
    {
        Bos ??= Name(path, root, "bos_token");
        Eos ??= Name(path, root, "eos_token");
        Pad ??= Name(path, root, "pad_token");
    }

    private void ReadAdded(string path, JsonElement root)
    {
        foreach (var entry in root.EnumerateObject())
        {
            if (entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetInt32(out var id))
            {
                Add(path, new AddedToken(id, entry.Name, IsSpecial: true));
            }
            else
            {
                _problems.Add(new Problem($"{path}, {entry.Name}", "the value is no id", "a whole number", entry.Value.GetRawText()));
            }
        }
    }

    private void Add(string path, AddedToken token)
    {
        if (_added.TryGetValue(token.Id, out var other) && other.Text != token.Text)
        {
            _problems.Add(new Problem(path, $"id {token.Id} has two spellings", Found: $"'{other.Text}' and '{token.Text}'"));
        }

        _added.TryAdd(token.Id, token);
    }

    private bool? Flag(string path, JsonElement root, string key)
    {
        if (!root.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        _problems.Add(new Problem($"{path}, {key}", "the value has the wrong kind", "true or false", value.GetRawText()));
        return null;
    }

    /// <summary>A token's spelling, given as a string or as an object with <c>content</c>.</summary>
    private string? Name(string path, JsonElement root, string key)
    {
        if (!root.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        var content = value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out var inner) ? inner : value;
        if (content.ValueKind == JsonValueKind.String && content.GetString() is { Length: > 0 } text)
        {
            return text;
        }

        _problems.Add(new Problem($"{path}, {key}", "the value has the wrong kind", "a token's spelling", value.GetRawText()));
        return null;
    }
}
