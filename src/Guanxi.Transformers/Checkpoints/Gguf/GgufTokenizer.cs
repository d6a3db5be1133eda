using System.Security.Cryptography;
using System.Text;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.ByteLevel;
using Guanxi.Transformers.Tokenization.SentencePieces;
using Guanxi.Transformers.Tokenization.TokenizerFiles;

namespace Guanxi.Transformers.Checkpoints.Gguf;

/// <summary>The vocabulary in the keys of a GGUF file, as it stands there; a tokenizer is made of it by its <see cref="Model"/>.</summary>
public sealed record GgufTokenizer
{
    /// <summary>Kind of a SentencePiece vocabulary (LLaMA, Baichuan).</summary>
    public const string SentencePieceModelName = "llama";

    private const string Prefix = "tokenizer.ggml.";

    /// <summary>The file, for messages.</summary>
    public required string Source { get; init; }

    /// <summary>
    /// Kind of vocabulary: <see cref="SentencePieceModelName"/>, <c>gpt2</c> (byte-level BPE), <c>bert</c> (WordPiece), ...
    /// </summary>
    public required string Model { get; init; }

    /// <summary>How a text is cut before merging, e.g. <c>qwen2</c> or <c>smollm</c>; null when the file does not say.</summary>
    public string? Pre { get; init; }

    /// <summary>Spellings in the order of their ids.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>Scores of the tokens; empty when there are none.</summary>
    public IReadOnlyList<double> Scores { get; init; } = [];

    /// <summary>Types of the tokens, with the numbers of <see cref="SentencePieceType"/>; empty when there are none.</summary>
    public IReadOnlyList<int> Types { get; init; } = [];

    /// <summary>Merges of byte-level BPE, best first, each two spellings with a space between; empty when there are none.</summary>
    public IReadOnlyList<string> Merges { get; init; } = [];

    /// <summary>Id that begins a sequence, or null.</summary>
    public int? BosId { get; init; }

    /// <summary>Id that ends a sequence, or null.</summary>
    public int? EosId { get; init; }

    /// <summary>Id of what the vocabulary cannot say, or null.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Id that fills up a batch, or null.</summary>
    public int? PadId { get; init; }

    /// <summary>Whether a sequence begins with <see cref="BosId"/>; null when the file does not say.</summary>
    public bool? AddBos { get; init; }

    /// <summary>Whether a sequence ends with <see cref="EosId"/>; null when the file does not say.</summary>
    public bool? AddEos { get; init; }

    /// <summary>Whether a space is put before every text; null when the file does not say.</summary>
    public bool? AddSpacePrefix { get; init; }

    /// <summary>Jinja template of a conversation, or null.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Reads the vocabulary of a file.</summary>
    /// <param name="file">The open file.</param>
    /// <returns>The vocabulary, or null when the file has none.</returns>
    /// <exception cref="CheckpointException">Keys are of another kind or contradict each other; all problems are listed.</exception>
    public static GgufTokenizer? Read(GgufFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var problems = new List<Problem>();
        var (keys, source) = (file.Metadata, file.FilePath);
        var (model, tokens) = (keys.Text(Prefix + "model", problems), keys.Texts(Prefix + "tokens", problems));
        if (problems.Count == 0 && (model is null || tokens is null))
        {
            return null;
        }

        int? Id(string name) => keys.Whole($"{Prefix}{name}_token_id", problems) is not { } id ? null
            : id >= 0 && id < tokens!.Length ? (int)id
            : Report(name + "_token_id", "not an id of the vocabulary", $"0 to {tokens!.Length - 1}", $"{id}");

        int? Report(string key, string what, string expected, string found)
        {
            problems.Add(new Problem($"{source}, {Prefix}{key}", what, expected, found));
            return null;
        }

        double[] Column(string key)
        {
            var list = keys.Numbers(Prefix + key, problems) ?? [];
            if (list.Length != 0 && list.Length != tokens!.Length)
            {
                Report(key, "the list is not as long as the vocabulary", $"{tokens.Length}", $"{list.Length}");
            }

            return list;
        }

        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }

        var read = new GgufTokenizer
        {
            Source = source,
            Model = model!,
            Pre = keys.Text(Prefix + "pre", problems),
            Tokens = tokens!,
            Scores = Column("scores"),
            Types = [.. Column("token_type").Select(type => (int)type)],
            Merges = keys.Texts(Prefix + "merges", problems) ?? [],
            BosId = Id("bos"),
            EosId = Id("eos"),
            UnknownId = Id("unknown"),
            PadId = Id("padding"),
            AddBos = keys.Flag(Prefix + "add_bos_token", problems),
            AddEos = keys.Flag(Prefix + "add_eos_token", problems),
            AddSpacePrefix = keys.Flag(Prefix + "add_space_prefix", problems),
            ChatTemplate = keys.Text("tokenizer.chat_template", problems),
        };
        return problems.Count == 0 ? read : throw new CheckpointException(problems);
    }

    /// <summary>Makes the tokenizer of a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="CheckpointException">
    /// The file has no vocabulary, is damaged, or its vocabulary is of a kind that is not supported.
    /// </exception>
    public static ITokenizer Load(string path)
    {
        using var file = GgufFile.Open(path);
        var read = Read(file) ?? throw new CheckpointException(new Problem(
            path, "the file has no tokenizer", $"the keys {Prefix}model and {Prefix}tokens", Hint: "Name a folder that has one."));
        return read.ToTokenizer();
    }

    /// <summary>Makes the tokenizer of the vocabulary.</summary>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="CheckpointException">The vocabulary contradicts itself, or is of a kind that is not supported.</exception>
    public ITokenizer ToTokenizer() => Model switch
    {
        SentencePieceModelName => new SentencePieceTokenizer(ToSentencePiece(), ToFrame()),
        GgufByteLevelReader.ModelName => GgufByteLevelReader.Read(this),
        _ => throw new CheckpointException(new Problem(
            $"{Source}, {Prefix}model", "this kind of vocabulary is not read from a GGUF file",
            $"{SentencePieceModelName} or {GgufByteLevelReader.ModelName}", FileErrors.Quote(Model))),
    };

    /// <summary>The vocabulary of a tokenizer.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <returns>The vocabulary, to be written; null when the format has no form for it.</returns>
    public static GgufTokenizer? Of(ITokenizer tokenizer) => tokenizer switch
    {
        SentencePieceTokenizer { Model: { Kind: SentencePieceKind.Bpe } model, FrameIds: var frame } => Of(model, frame),
        ByteLevelTokenizer bytes => GgufByteLevelReader.Describe(bytes.Model),
        _ => null,
    };

    /// <summary>The vocabulary of a SentencePiece model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="frame">What is put around a text.</param>
    /// <returns>The vocabulary, to be written.</returns>
    public static GgufTokenizer Of(SentencePieceModel model, SentencePieceFrame frame)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(frame);
        return new GgufTokenizer
        {
            Source = model.Source,
            Model = SentencePieceModelName,
            Tokens = [.. model.Pieces.Select(piece => piece.Text)],
            Scores = [.. model.Pieces.Select(piece => (double)piece.Score)],
            Types = [.. model.Pieces.Select(piece => (int)piece.Type)],
            BosId = frame.BosId,
            EosId = frame.EosId,
            PadId = frame.PadId,
            UnknownId = model.Pieces.Index().FirstOrDefault(item => item.Item.Type == SentencePieceType.Unknown).Index,
            AddBos = frame.AddBos,
            AddEos = frame.AddEos,
            AddSpacePrefix = model.AddDummyPrefix,
        };
    }

    /// <summary>The same as a SentencePiece model.</summary>
    /// <returns>The model; the tokenizer made of it checks it.</returns>
    /// <exception cref="CheckpointException">Scores or types are missing.</exception>
    public SentencePieceModel ToSentencePiece()
    {
        if (Scores.Count != Tokens.Count || Types.Count != Tokens.Count)
        {
            throw new CheckpointException(new Problem(Source, "the vocabulary has no scores or no types",
                $"{Prefix}scores and {Prefix}token_type"));
        }

        // Ids without a token of their own are filled with unused ones; as control tokens no text produces them.
        var pieces = Tokens.Select((text, id) => new SentencePiece(
            text, (float)Scores[id],
            Types[id] == (int)SentencePieceType.Unused ? SentencePieceType.Control : (SentencePieceType)Types[id])).ToArray();
        var model = new SentencePieceModel
        {
            Source = Source,
            Fingerprint = Fingerprint(pieces),
            Pieces = pieces,
            ByteFallback = pieces.Any(piece => piece.Type == SentencePieceType.Byte),
            AddDummyPrefix = AddSpacePrefix ?? true,
        };
        return model with
        {
            BosPiece = BosId is { } bos ? Tokens[bos] : model.BosPiece,
            EosPiece = EosId is { } eos ? Tokens[eos] : model.EosPiece,
            PadPiece = PadId is { } pad ? Tokens[pad] : model.PadPiece,
        };
    }

    /// <summary>
    /// What is put around a text; llama.cpp begins a sequence of such a vocabulary with its first special id unless told otherwise.
    /// </summary>
    /// <returns>The frame.</returns>
    public SentencePieceFrame ToFrame() => new(AddBos ?? BosId is not null, AddEos ?? false, BosId, EosId, PadId);

    /// <summary>A vocabulary with as many tokens as the model has rows; those added stand in no text.</summary>
    internal GgufTokenizer FilledTo(int count)
    {
        var missing = Enumerable.Range(Tokens.Count, Math.Max(0, count - Tokens.Count)).ToArray();
        return missing.Length == 0 ? this : this with
        {
            Tokens = [.. Tokens, .. missing.Select(Filling)],
            Scores = Scores.Count == 0 ? [] : [.. Scores, .. missing.Select(_ => 0.0)],
            Types = Types.Count == 0 ? [] : [.. Types, .. missing.Select(_ => (int)SentencePieceType.Unused)],
        };
    }

    /// <summary>Spelling of an id that has no token.</summary>
    internal static string Filling(int id) => $"[PAD{id}]";

    /// <summary>The keys that say the same.</summary>
    internal IEnumerable<KeyValuePair<string, object>> Keys()
    {
        (string Key, object? Value)[] all =
        [
            ("model", Model), ("pre", Pre), ("tokens", Tokens.ToArray()),
            ("scores", Scores.Count == 0 ? null : Scores.Select(score => (float)score).ToArray()),
            ("token_type", Types.Count == 0 ? null : Types.ToArray()), ("merges", Merges.Count == 0 ? null : Merges.ToArray()),
            ("bos_token_id", (long?)BosId), ("eos_token_id", (long?)EosId), ("unknown_token_id", (long?)UnknownId),
            ("padding_token_id", (long?)PadId), ("add_bos_token", AddBos), ("add_eos_token", AddEos), ("add_space_prefix", AddSpacePrefix),
        ];
        foreach (var (key, value) in all)
        {
            if (value is not null)
            {
                yield return KeyValuePair.Create(Prefix + key, value);
            }
        }

        if (ChatTemplate is not null)
        {
            yield return KeyValuePair.Create("tokenizer.chat_template", (object)ChatTemplate);
        }
    }

    private static string Fingerprint(IEnumerable<SentencePiece> pieces)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (text, score, type) in pieces)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(text));
            hash.AppendData([0, (byte)type]);
            hash.AppendData(BitConverter.GetBytes(score));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
