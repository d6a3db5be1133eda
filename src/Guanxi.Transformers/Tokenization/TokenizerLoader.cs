using Guanxi.Transformers.Checkpoints.Gguf;
using Guanxi.Transformers.Tokenization.SentencePieces;
using Guanxi.Transformers.Tokenization.TokenizerFiles;

namespace Guanxi.Transformers.Tokenization;

/// <summary>Finds the tokenizer of a model folder.</summary>
public static class TokenizerLoader
{
    /// <summary>A SentencePiece model's usual name.</summary>
    internal const string SentencePieceName = "tokenizer.model";

    private static readonly string[] s_sentencePieceNames = [SentencePieceName, "spiece.model"];

    /// <summary>Loads the tokenizer of a folder in Hugging Face's layout.</summary>
    /// <param name="folder">The model folder, or a GGUF file.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="CheckpointException">There is none, it is damaged, or it is of a kind that is not supported.</exception>
    public static ITokenizer Load(string folder)
    {
        if (GgufFile.IsNamed(folder) && File.Exists(folder))
        {
            return GgufTokenizer.Load(folder);
        }

        if (!Directory.Exists(folder))
        {
            throw new CheckpointException(new Problem(folder, "there is no such model folder"));
        }

        string? Existing(string name) => Path.Combine(folder, name) is var path && File.Exists(path) ? path : null;
        if (s_sentencePieceNames.Select(Existing).FirstOrDefault(path => path is not null) is { } model)
        {
            return LoadSentencePiece(model, TokenizerConfig.Read(folder));
        }

        if (Existing(TokenizerJson.FileName) is { } json)
        {
            return LoadJson(TokenizerJson.Open(json), TokenizerConfig.Read(folder));
        }

        if (Existing(ByteLevelReader.VocabularyName) is not null && Existing(ByteLevelReader.MergesName) is not null)
        {
            return ByteLevelReader.ReadPair(folder, TokenizerConfig.Read(folder));
        }

        if (Existing(WordPieceReader.VocabularyName) is { } words)
        {
            return WordPieceReader.ReadText(words, TokenizerConfig.Read(folder));
        }

        throw new CheckpointException(new Problem(
            folder,
            "the folder has no tokenizer",
            "tokenizer.model, spiece.model, tokenizer.json, vocab.json with merges.txt, or vocab.txt",
            "none of these files"));
    }

    private static ITokenizer LoadJson(TokenizerJson file, TokenizerConfig config)
    {
        switch (file.ModelType)
        {
            case "WordPiece":
                return WordPieceReader.Read(file, config);
            case "BPE" when ByteLevelReader.IsByteLevel(file):
                return ByteLevelReader.Read(file, config);
            default:
                throw new CheckpointException(new Problem(
                    $"{file.Path}, model, type",
                    "this kind of tokenizer is not supported",
                    "WordPiece or byte-level BPE",
                    $"'{file.ModelType}'"));
        }
    }

    private static SentencePieceTokenizer LoadSentencePiece(string path, TokenizerConfig config)
    {
        var problems = new List<Problem>();
        var model = WithAdded(SentencePieceModel.Load(path), config, problems);
        int? Id(string? named, string own, string key)
        {
            var id = model.Find(named ?? own);
            if (named is not null && id is null)
            {
                problems.Add(new Problem($"{config.Folder}, {key}", "the token is not in the vocabulary", Found: $"'{named}'"));
            }

            return id;
        }

        var bos = Id(config.Bos, model.BosPiece, "bos_token");
        var eos = Id(config.Eos, model.EosPiece, "eos_token");

        // A pad token without an id is common in published folders and hurts nobody: the caller then pads with eos.
        var pad = model.Find(config.Pad ?? model.PadPiece);
        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }

        var frame = new SentencePieceFrame(config.AddBos ?? bos is not null, config.AddEos ?? false, bos, eos, pad);
        return new SentencePieceTokenizer(model, frame);
    }

    private static SentencePieceModel WithAdded(SentencePieceModel model, TokenizerConfig config, List<Problem> problems)
    {
        var pieces = model.Pieces.ToList();
        foreach (var token in config.Added)
        {
            var where = $"{config.Folder}, added token '{token.Text}'";
            if (token.Id >= 0 && token.Id < pieces.Count)
            {
                if (pieces[token.Id].Text != token.Text)
                {
                    var expected = $"'{pieces[token.Id].Text}'";
                    problems.Add(new Problem(where, $"the vocabulary spells id {token.Id} otherwise", expected, $"'{token.Text}'"));
                }
            }
            else if (token.Id == pieces.Count)
            {
                var type = token.IsSpecial ? SentencePieceType.Control : SentencePieceType.UserDefined;
                pieces.Add(new SentencePiece(token.Text, 0, type));
            }
            else
            {
                problems.Add(new Problem(where, "the ids have a gap", $"id {pieces.Count}", $"{token.Id}"));
            }
        }

        return pieces.Count == model.Pieces.Count ? model : model with { Pieces = pieces };
    }
}
