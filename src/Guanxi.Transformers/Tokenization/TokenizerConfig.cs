using System.Text.Json;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Tokenization;

/// <summary>What <c>tokenizer_config.json</c> and its older companions say about special tokens; null where they are silent.</summary>
/// <remarks>Files of a Hugging Face model folder: tokenizer_config.json, special_tokens_map.json, added_tokens.json.</remarks>
internal sealed class TokenizerConfig
{
    /// <summary>Name of the first of the files.</summary>
    public const string FileName = "tokenizer_config.json";

    /// <summary>Name of the older file with the spellings of special tokens.</summary>
    public const string SpecialName = "special_tokens_map.json";

    /// <summary>Name of the older file with the tokens that were added to the vocabulary.</summary>
    public const string AddedName = "added_tokens.json";

    /// <summary>Largest file of this kind.</summary>
    public const int MostBytes = 16 << 20;

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

    /// <summary>Spelling of the unknown token.</summary>
    public string? Unknown { get; private set; }

    /// <summary>Spelling of the token that begins a BERT sequence.</summary>
    public string? Class { get; private set; }

    /// <summary>Spelling of the token that ends a BERT sequence.</summary>
    public string? Separator { get; private set; }

    /// <summary>Spelling of the token that hides another.</summary>
    public string? Mask { get; private set; }

    /// <summary>Name of the tokenizer's class in transformers.</summary>
    public string? TokenizerClass { get; private set; }

    /// <summary>Whether capital letters become small ones.</summary>
    public bool? LowerCase { get; private set; }

    /// <summary>Whether accents are dropped.</summary>
    public bool? StripAccents { get; private set; }

    /// <summary>Whether every Chinese character is a word of its own.</summary>
    public bool? SplitChinese { get; private set; }

    /// <summary>Whether decoding closes up punctuation.</summary>
    public bool? CleanUp { get; private set; }

    /// <summary>Tokens that no text is split inside of.</summary>
    public IReadOnlyList<string> NeverSplit { get; private set; } = [];

    /// <summary>Tokens with ids of their own, in the order of the ids; some may repeat the vocabulary.</summary>
    public IReadOnlyCollection<AddedToken> Added => _added.Values;

    /// <summary>Reads the files that are there.</summary>
    /// <param name="folder">A model folder.</param>
    /// <returns>What they say.</returns>
    /// <exception cref="CheckpointException">A file cannot be read, is no JSON or holds values of the wrong kind.</exception>
    public static TokenizerConfig Read(string folder)
    {
        var config = new TokenizerConfig(folder);
        config.ReadFile(FileName, config.ReadMain);
        config.ReadFile(SpecialName, config.ReadNames);
        config.ReadFile(AddedName, config.ReadAdded);
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
            read(path, JsonFile.ReadObject(path, MostBytes));
        }
        catch (CheckpointException error)
        {
            // Told together with what is wrong with the other files.
            _problems.AddRange(error.Problems);
        }
    }

    private void ReadMain(string path, JsonElement root)
    {
        AddBos = Flag(path, root, "add_bos_token");
        AddEos = Flag(path, root, "add_eos_token");
        LowerCase = Flag(path, root, "do_lower_case");
        StripAccents = Flag(path, root, "strip_accents");
        SplitChinese = Flag(path, root, "tokenize_chinese_chars");
        CleanUp = Flag(path, root, "clean_up_tokenization_spaces");
        TokenizerClass = Name(path, root, "tokenizer_class");
        NeverSplit = new JsonKeys(root, path, _problems).Texts("never_split") ?? [];
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
                Add(path, Token($"{path}, added_tokens_decoder", entry.Value, id, text));
            }
            else
            {
                _problems.Add(new Problem(
                    $"{path}, added_tokens_decoder", "the entry is no token with its id", Found: FileErrors.Quote(entry.Name)));
            }
        }
    }

    private void ReadNames(string path, JsonElement root)
    {
        Bos ??= Name(path, root, "bos_token");
        Eos ??= Name(path, root, "eos_token");
        Pad ??= Name(path, root, "pad_token");
        Unknown ??= Name(path, root, "unk_token");
        Class ??= Name(path, root, "cls_token");
        Separator ??= Name(path, root, "sep_token");
        Mask ??= Name(path, root, "mask_token");
    }

    private AddedToken Token(string path, JsonElement entry, int id, string text)
    {
        bool? Flagged(string key) => entry.ValueKind == JsonValueKind.Object ? Flag(path, entry, key) : null;
        var isSpecial = Flagged("special") ?? true;
        return new AddedToken(id, text, isSpecial)
        {
            StripsLeft = Flagged("lstrip") ?? false,
            StripsRight = Flagged("rstrip") ?? false,
            IsWord = Flagged("single_word") ?? false,
            IsNormalized = Flagged("normalized") ?? !isSpecial,
        };
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
                _problems.Add(new Problem(
                    $"{path}, {FileErrors.Quote(entry.Name)}", "the value is no id", "a whole number", JsonKeys.Show(entry.Value)));
            }
        }
    }

    private void Add(string path, AddedToken token)
    {
        if (_added.TryGetValue(token.Id, out var other) && other.Text != token.Text)
        {
            _problems.Add(new Problem(
                path, $"id {token.Id} has two spellings", Found: $"{FileErrors.Quote(other.Text)} and {FileErrors.Quote(token.Text)}"));
        }

        _added.TryAdd(token.Id, token);
    }

    private bool? Flag(string path, JsonElement root, string key) =>
        new JsonKeys(root, path, _problems) is var keys && keys.Has(key) ? keys.Flag(key, false) : null;

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

        _problems.Add(new Problem($"{path}, {key}", "the value has the wrong kind", "a token's spelling", JsonKeys.Show(value)));
        return null;
    }
}
