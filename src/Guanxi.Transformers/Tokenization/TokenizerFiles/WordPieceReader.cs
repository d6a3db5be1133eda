using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Tokenization.WordPieces;

namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>Reads WordPiece tokenizers: a tokenizer.json of that kind, or a vocab.txt with its configuration.</summary>
internal static class WordPieceReader
{
    /// <summary>The vocabulary's name where there is no tokenizer.json.</summary>
    public const string VocabularyName = "vocab.txt";

    private const int MostVocabularyBytes = 64 << 20;
    private const int LongestWord = 100;
    private const int ProblemsListed = 10;

    /// <summary>Reads a tokenizer.json. Settings of the configuration come first, as in transformers.</summary>
    public static WordPieceTokenizer Read(TokenizerJson file, TokenizerConfig config)
    {
        file.ReadVocabulary();
        AddConfigured(file.Vocabulary, config, file.Problems);
        RefuseOthers(file.Part("pre_tokenizer"), "BertPreTokenizer");
        var decoder = file.Part("decoder");
        RefuseOthers(decoder, "WordPiece");
        var frame = PostProcessor.Read(file).Frame;
        var unknown = file.Vocabulary.Require($"{file.Path}, model, unk_token", file.Model.Text("unk_token") ?? "[UNK]");
        var normalization = Normalization(file.Part("normalizer"), config);
        var longest = file.Model.Size("max_input_chars_per_word", LongestWord, LongestWord);

        file.ThrowIfWrong();
        return new WordPieceTokenizer(new WordPieceModel
        {
            Fingerprint = file.Fingerprint,
            Tokens = file.Vocabulary.Tokens,
            UnknownId = unknown!.Value,
            Normalization = normalization,
            Added = file.Vocabulary.Added,
            Frame = frame,
            PadId = file.Vocabulary.Find(config.Pad ?? "[PAD]"),
            Prefix = file.Model.Text("continuing_subword_prefix") ?? "##",
            LongestWord = longest,
            CleansPieces = decoder?.Keys.Flag("cleanup", true) ?? true,
            CleansText = config.CleanUp ?? false,
        });
    }

    /// <summary>Reads a vocab.txt.</summary>
    /// <param name="path">The file.</param>
    /// <param name="config">The folder's configuration.</param>
    public static WordPieceTokenizer ReadText(string path, TokenizerConfig config)
    {
        var problems = new List<Problem>();
        var vocabulary = new VocabularyBuilder(problems);
        var content = JsonFile.ReadBytes(path, MostVocabularyBytes);
        ReadLines(content, path, vocabulary, problems);
        string[] special =
        [
            config.Pad ?? "[PAD]", config.Unknown ?? "[UNK]", config.Class ?? "[CLS]", config.Separator ?? "[SEP]", config.Mask ?? "[MASK]",
        ];
        foreach (var token in special)
        {
            if (vocabulary.Find(token) is { } id)
            {
                vocabulary.Add(path, new AddedToken(id, token, IsSpecial: true));
            }
        }

        AddConfigured(vocabulary, config, problems);
        int? Id(string token) => vocabulary.Require(path, token);
        var (unknown, first, last) = (Id(special[1]), Id(special[2]), Id(special[3]));
        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }

        return new WordPieceTokenizer(new WordPieceModel
        {
            Fingerprint = VocabularyBuilder.Fingerprint(content),
            Tokens = vocabulary.Tokens,
            UnknownId = unknown!.Value,
            Normalization = Normalization(null, config),
            Added = vocabulary.Added,
            Frame = new TokenFrame([first!.Value], [last!.Value]),
            PadId = vocabulary.Find(special[0]),
            CleansText = config.CleanUp ?? false,
        });
    }

    private static void ReadLines(byte[] content, string path, VocabularyBuilder vocabulary, List<Problem> problems)
    {
        if (!System.Text.Unicode.Utf8.IsValid(content))
        {
            problems.Add(new Problem(path, "the text is not UTF-8", Hint: "The file is damaged or of another kind."));
            return;
        }

        var id = 0;
        foreach (var line in System.Text.Encoding.UTF8.GetString(content).TrimStart('\uFEFF').TrimEnd('\n', '\r').Split('\n'))
        {
            vocabulary.Add($"{path}, line {id + 1}", line.TrimEnd('\r'), id);
            id++;
            if (problems.Count > ProblemsListed)
            {
                return;
            }
        }
    }

    private static BertNormalization Normalization(PipelinePart? part, TokenizerConfig config)
    {
        if (part is not null && part.Type != "BertNormalizer")
        {
            part.Refuse("BertNormalizer");
        }

        var keys = part?.Keys;
        var lowers = config.LowerCase ?? keys?.Flag("lowercase", true) ?? true;
        bool? strips = keys?.Has("strip_accents") == true ? keys.Flag("strip_accents", lowers) : null;
        return new BertNormalization(
            keys?.Flag("clean_text", true) ?? true,
            config.SplitChinese ?? keys?.Flag("handle_chinese_chars", true) ?? true,
            config.StripAccents ?? strips ?? lowers,
            lowers);
    }

    private static void AddConfigured(VocabularyBuilder vocabulary, TokenizerConfig config, List<Problem> problems)
    {
        foreach (var token in config.Added)
        {
            vocabulary.Add(config.Folder, token);
        }

        foreach (var token in config.NeverSplit)
        {
            if (vocabulary.Require($"{config.Folder}, never_split", token) is { } id)
            {
                vocabulary.Add(config.Folder, new AddedToken(id, token, IsSpecial: false) { IsWord = true });
            }
        }
    }

    private static void RefuseOthers(PipelinePart? part, string supported)
    {
        if (part is not null && part.Type != supported)
        {
            part.Refuse(supported);
        }
    }
}
