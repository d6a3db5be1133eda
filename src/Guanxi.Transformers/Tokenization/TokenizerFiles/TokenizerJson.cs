using System.Text.Json;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>A <c>tokenizer.json</c> file, its parts read one by one.</summary>
/// <remarks>Source: the format of huggingface/tokenizers, <c>tokenizer/serialization.rs</c>.</remarks>
internal sealed class TokenizerJson
{
    /// <summary>The file's name.</summary>
    public const string FileName = "tokenizer.json";

    /// <summary>Larger than any such file there is.</summary>
    public const int MostBytes = 256 << 20;

    private const int ProblemsListed = 10;

    private readonly JsonElement _root;
    private readonly JsonElement _model;

    private TokenizerJson(string path, byte[] content)
    {
        Path = path;
        Fingerprint = VocabularyBuilder.Fingerprint(content);
        _root = JsonFile.ParseObject(content, path);
        if (!_root.TryGetProperty("model", out _model) || _model.ValueKind != JsonValueKind.Object)
        {
            throw new CheckpointException(new Problem(path, "the file has no model", "model {...}", Hint: "It is another kind of file."));
        }

        Model = new JsonKeys(_model, $"{path}, model", Problems);
        Vocabulary = new VocabularyBuilder(Problems);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>SHA-256 of the file.</summary>
    public string Fingerprint { get; }

    /// <summary>What is wrong so far.</summary>
    public List<Problem> Problems { get; } = [];

    /// <summary>The model's keys.</summary>
    public JsonKeys Model { get; }

    /// <summary>The tokens, as far as they were read.</summary>
    public VocabularyBuilder Vocabulary { get; }

    /// <summary>The kind of model; files older than 2021 do not say it.</summary>
    public string ModelType => Model.Text("type")
        ?? (Model.Has("merges") ? "BPE" : Model.Has("continuing_subword_prefix") ? "WordPiece" : "unknown");

    /// <summary>Opens a file.</summary>
    /// <exception cref="CheckpointException">It cannot be read or is no such file.</exception>
    public static TokenizerJson Open(string path) => new(path, JsonFile.ReadBytes(path, MostBytes));

    /// <summary>A part of the pipeline, or null when the file has none.</summary>
    /// <param name="key">Its key.</param>
    public PipelinePart? Part(string key)
    {
        if (!_root.TryGetProperty(key, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return new PipelinePart(value, $"{Path}, {key}", Problems);
    }

    /// <summary>Reads the vocabulary of a model that has one token an id, and the added tokens.</summary>
    public void ReadVocabulary()
    {
        var where = $"{Path}, model, vocab";
        if (!_model.TryGetProperty("vocab", out var vocab) || vocab.ValueKind != JsonValueKind.Object)
        {
            Problems.Add(new Problem(where, "the model has no vocabulary", "{\"token\": id, ...}", vocab.ValueKind.ToString()));
            return;
        }

        foreach (var entry in vocab.EnumerateObject())
        {
            if (entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetInt32(out var id))
            {
                Vocabulary.Add(where, entry.Name, id);
            }
            else
            {
                Problems.Add(new Problem(where, $"'{entry.Name}' has no id", "a whole number", JsonKeys.Show(entry.Value)));
            }
        }

        ReadAdded();
        ThrowIfWrong();
    }

    /// <summary>Reads the merges of a BPE model.</summary>
    public List<(int Left, int Right, int Result)> ReadMerges()
    {
        var where = $"{Path}, model, merges";
        if (!_model.TryGetProperty("merges", out var merges) || merges.ValueKind != JsonValueKind.Array)
        {
            Problems.Add(new Problem(where, "the model has no merges", "[...]", merges.ValueKind.ToString()));
            return [];
        }

        var reader = new MergeReader(Vocabulary, where, Problems);
        foreach (var entry in merges.EnumerateArray())
        {
            switch (entry.ValueKind)
            {
                case JsonValueKind.String:
                    reader.Add(entry.GetString()!);
                    break;
                case JsonValueKind.Array when entry.GetArrayLength() == 2
                    && entry.EnumerateArray().All(side => side.ValueKind == JsonValueKind.String):
                    reader.Add(entry[0].GetString()!, entry[1].GetString()!);
                    break;
                default:
                    reader.Refuse(JsonKeys.Show(entry));
                    break;
            }
        }

        return reader.Merges;
    }

    /// <summary>Ends the reading when anything was wrong.</summary>
    /// <exception cref="CheckpointException">Something was.</exception>
    public void ThrowIfWrong()
    {
        if (Problems.Count > ProblemsListed)
        {
            var more = Problems.Count - ProblemsListed;
            Problems.RemoveRange(ProblemsListed, more);
            Problems.Add(new Problem(Path, $"{more} more of the same kind"));
        }

        if (Problems.Count > 0)
        {
            throw new CheckpointException(Problems);
        }
    }

    private void ReadAdded()
    {
        var where = $"{Path}, added_tokens";
        if (!_root.TryGetProperty("added_tokens", out var added) || added.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        if (added.ValueKind != JsonValueKind.Array)
        {
            Problems.Add(new Problem(where, "not a list of tokens", "[{...}]", JsonKeys.Show(added)));
            return;
        }

        foreach (var entry in added.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Object || !entry.TryGetProperty("id", out var number)
                || number.ValueKind != JsonValueKind.Number || !number.TryGetInt32(out var id))
            {
                Problems.Add(
                    new Problem(where, "the entry is no token with its id", "{\"id\": ..., \"content\": ...}", JsonKeys.Show(entry)));
                continue;
            }

            var keys = new JsonKeys(entry, where, Problems);
            var isSpecial = keys.Flag("special", false);
            Vocabulary.Add(where, new AddedToken(id, keys.Text("content") ?? string.Empty, isSpecial)
            {
                StripsLeft = keys.Flag("lstrip", false),
                StripsRight = keys.Flag("rstrip", false),
                IsWord = keys.Flag("single_word", false),
                IsNormalized = keys.Flag("normalized", !isSpecial),
            });
        }
    }
}
