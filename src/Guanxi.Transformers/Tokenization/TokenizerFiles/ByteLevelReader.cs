using System.Text;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Tokenization.ByteLevel;
using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>Reads byte-level BPE tokenizers: a tokenizer.json of that kind, or vocab.json and merges.txt.</summary>
internal static class ByteLevelReader
{
    /// <summary>The vocabulary's name where there is no tokenizer.json.</summary>
    public const string VocabularyName = "vocab.json";

    /// <summary>The merges' name where there is no tokenizer.json.</summary>
    public const string MergesName = "merges.txt";

    private static readonly Dictionary<string, NormalizationForm> s_forms = new(StringComparer.Ordinal)
    {
        ["NFC"] = NormalizationForm.FormC,
        ["NFD"] = NormalizationForm.FormD,
        ["NFKC"] = NormalizationForm.FormKC,
        ["NFKD"] = NormalizationForm.FormKD,
    };

    /// <summary>How a tokenizer.json calls a normal form.</summary>
    public static string NameOf(NormalizationForm form) => s_forms.First(entry => entry.Value == form).Key;

    /// <summary>Whether a BPE model of a tokenizer.json is of bytes: one of its pre-tokenizers says so.</summary>
    public static bool IsByteLevel(TokenizerJson file) =>
        file.Part("pre_tokenizer")?.Flatten("pretokenizers").Any(part => part.Type == "ByteLevel") ?? false;

    /// <summary>Reads a tokenizer.json.</summary>
    public static ByteLevelTokenizer Read(TokenizerJson file, TokenizerConfig config)
    {
        file.ReadVocabulary();
        var merges = file.ReadMerges();
        AddConfigured(file.Vocabulary, config);
        CheckModel(file.Model);
        var end = PostProcessor.Read(file);
        var splitters = Splitters(file, out var addsPrefixSpace);
        foreach (var part in file.Part("decoder")?.Flatten("decoders") ?? [])
        {
            RefuseUnless(part.Type == "ByteLevel", part, "ByteLevel");
        }

        var unknown = file.Vocabulary.Require($"{file.Path}, model, unk_token", file.Model.Text("unk_token"));
        var model = Name(config, file.Vocabulary, new ByteLevelModel
        {
            Fingerprint = file.Fingerprint,
            Tokens = file.Vocabulary.Tokens,
            Vocabulary = file.Vocabulary.Ids,
            Merges = merges,
            Added = file.Vocabulary.Added,
            Frame = end.Frame,
            Normalizers = Normalizers(file),
            Splitters = splitters,
            AddsPrefixSpace = addsPrefixSpace,
            TrimsOffsets = end.TrimsOffsets,
            IgnoresMerges = file.Model.Flag("ignore_merges", false),
            UnknownId = unknown,
        });
        file.ThrowIfWrong();
        return new ByteLevelTokenizer(model);
    }

    /// <summary>Reads vocab.json and merges.txt.</summary>
    /// <param name="folder">The folder that holds both.</param>
    /// <param name="config">The folder's configuration.</param>
    public static ByteLevelTokenizer ReadPair(string folder, TokenizerConfig config)
    {
        var (vocabPath, mergesPath) = (Path.Combine(folder, VocabularyName), Path.Combine(folder, MergesName));
        var vocab = JsonFile.ReadBytes(vocabPath, TokenizerJson.MostBytes);
        var merges = JsonFile.ReadBytes(mergesPath, TokenizerJson.MostBytes);
        var problems = new List<Problem>();
        var vocabulary = new VocabularyBuilder(problems);
        foreach (var entry in JsonFile.ParseObject(vocab, vocabPath).EnumerateObject())
        {
            if (entry.Value.ValueKind == System.Text.Json.JsonValueKind.Number && entry.Value.TryGetInt32(out var id))
            {
                vocabulary.Add(vocabPath, entry.Name, id);
            }
            else
            {
                problems.Add(new Problem(vocabPath, $"'{entry.Name}' has no id", "a whole number", JsonKeys.Show(entry.Value)));
            }
        }

        var reader = new MergeReader(vocabulary, mergesPath, problems);
        foreach (var line in Encoding.UTF8.GetString(merges).Split('\n').Select(line => line.TrimEnd('\r')))
        {
            if (line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal))
            {
                reader.Add(line);
            }
        }

        AddConfigured(vocabulary, config);
        var form = config.TokenizerClass?.StartsWith("Qwen2", StringComparison.Ordinal) ?? false ? ByteLevelForm.Qwen2 : ByteLevelForm.Gpt2;
        var model = Name(config, vocabulary, new ByteLevelModel
        {
            Fingerprint = VocabularyBuilder.Fingerprint(vocab, merges),
            Tokens = vocabulary.Tokens,
            Vocabulary = vocabulary.Ids,
            Merges = reader.Merges,
            Added = vocabulary.Added,
            Frame = TokenFrame.None,
            Normalizers = form.Normalizers,
            Splitters = form.Splitters,
        });
        return problems.Count == 0 ? new ByteLevelTokenizer(model) : throw new CheckpointException([.. problems.Take(10)]);
    }

    private static void AddConfigured(VocabularyBuilder vocabulary, TokenizerConfig config)
    {
        foreach (var token in config.Added)
        {
            vocabulary.Add(config.Folder, token);
        }
    }

    private static ByteLevelModel Name(TokenizerConfig config, VocabularyBuilder vocabulary, ByteLevelModel model)
    {
        var bos = vocabulary.Require($"{config.Folder}, bos_token", config.Bos);
        var eos = vocabulary.Require($"{config.Folder}, eos_token", config.Eos);
        var frame = model.Frame;
        if (frame.Prefix.Length == 0 && config.AddBos == true && bos is { } first)
        {
            frame = frame with { Prefix = [first] };
        }

        if (frame.Suffix.Length == 0 && config.AddEos == true && eos is { } last)
        {
            frame = frame with { Suffix = [last] };
        }

        // A pad token without an id hurts nobody: the caller then pads with eos.
        return model with { BosId = bos, EosId = eos, PadId = config.Pad is { } pad ? vocabulary.Find(pad) : null, Frame = frame };
    }

    private static void CheckModel(JsonKeys model)
    {
        if (model.Number("dropout", 0, 0, 1) > 0)
        {
            model.Report("dropout", "merges that are left out by chance are not supported", "null", "a number above 0");
        }

        foreach (var key in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (model.Text(key) is { Length: > 0 } mark)
            {
                model.Report(key, "marks in tokens are not supported in byte-level BPE", "null", $"'{mark}'");
            }
        }
    }

    private static UnicodeNormalizer[] Normalizers(TokenizerJson file)
    {
        var result = new List<UnicodeNormalizer>();
        foreach (var part in file.Part("normalizer")?.Flatten("normalizers") ?? [])
        {
            if (s_forms.TryGetValue(part.Type, out var form))
            {
                result.Add(UnicodeNormalizer.Of(form));
            }
            else
            {
                part.Refuse(string.Join(", ", s_forms.Keys) + " or a Sequence of them");
            }
        }

        return [.. result];
    }

    private static WordSplitter[] Splitters(TokenizerJson file, out bool addsPrefixSpace)
    {
        addsPrefixSpace = false;
        var result = new List<WordSplitter>();
        var parts = file.Part("pre_tokenizer")!.Flatten("pretokenizers").ToList();
        foreach (var part in parts)
        {
            switch (part.Type)
            {
                case "Split":
                    result.AddRange(Pattern(part, file.Problems) is { } splitter ? [splitter] : []);
                    break;
                case "Digits":
                    result.Add(new DigitSplitter(part.Keys.Flag("individual_digits", false)));
                    break;
                case "ByteLevel":
                    RefuseUnless(part == parts[^1], part, "ByteLevel only as the last of a Sequence");
                    addsPrefixSpace = part.Keys.Flag("add_prefix_space", true);
                    if (addsPrefixSpace && result.Count > 0)
                    {
                        part.Refuse("add_prefix_space", "false where the text was split before");
                    }

                    result.AddRange(part.Keys.Flag("use_regex", true) ? [new Gpt2Splitter()] : []);
                    break;
                default:
                    part.Refuse("Split, Digits, ByteLevel or a Sequence of them");
                    break;
            }
        }

        return [.. result];
    }

    private static WordSplitter? Pattern(PipelinePart part, List<Problem> problems)
    {
        if (part.Keys.Text("behavior") != "Isolated")
        {
            part.Refuse("behavior", "\"Isolated\"");
        }

        if (part.Keys.Flag("invert", false))
        {
            part.Refuse("invert", "false");
        }

        var pattern = part.Keys.Nested("pattern");
        if (pattern?.Text("String") is { } literal)
        {
            return RegexSplitter.Make(System.Text.RegularExpressions.Regex.Escape(literal), part.Where, problems);
        }

        if (pattern?.Text("Regex") is not { } regex)
        {
            part.Refuse("pattern", "{\"Regex\": \"...\"} or {\"String\": \"...\"}");
            return null;
        }

        return regex == Gpt2Splitter.Pattern ? new Gpt2Splitter()
            : TiktokenSplitter.Of(regex) ?? (WordSplitter?)RegexSplitter.Make(regex, part.Where, problems);
    }

    private static void RefuseUnless(bool holds, PipelinePart part, string supported)
    {
        if (!holds)
        {
            part.Refuse(supported);
        }
    }
}
