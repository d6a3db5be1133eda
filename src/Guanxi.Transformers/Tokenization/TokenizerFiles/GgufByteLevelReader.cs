using System.Text;
using Guanxi.Transformers.Checkpoints.Gguf;
using Guanxi.Transformers.Tokenization.ByteLevel;
using Guanxi.Transformers.Tokenization.Unicode;

namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>Makes a byte-level BPE tokenizer of a GGUF file's vocabulary.</summary>
internal static class GgufByteLevelReader
{
    /// <summary>Kind of such a vocabulary in a file's keys.</summary>
    public const string ModelName = "gpt2";

    // Types of tokens, as SentencePiece numbers them.
    private const int ControlType = 3;
    private const int UserDefinedType = 4;

    // How text is cut stands in a GGUF file only as a name.
    private static readonly Dictionary<string, Func<WordSplitter[]>> s_splitters = new(StringComparer.Ordinal)
    {
        ["gpt-2"] = () => [new Gpt2Splitter()],
        ["smollm"] = () => [new DigitSplitter(isIndividual: true), new Gpt2Splitter()],
        ["qwen2"] = () => [ByteLevelReader.QwenSplitter()],
    };

    /// <summary>Makes the tokenizer.</summary>
    /// <param name="read">The vocabulary as it stands in the file.</param>
    /// <exception cref="CheckpointException">The way of cutting is not known, or tokens and merges contradict each other.</exception>
    public static ByteLevelTokenizer Read(GgufTokenizer read)
    {
        var name = read.Pre ?? string.Empty;
        if (!s_splitters.TryGetValue(name, out var splitters))
        {
            throw new CheckpointException(new Problem(
                $"{read.Source}, tokenizer.ggml.pre", "this way of cutting text into words is not supported", string.Join(", ", s_splitters.Keys),
                $"'{name}'", "Name a folder with the model's tokenizer.json."));
        }

        var problems = new List<Problem>();
        var vocabulary = new VocabularyBuilder(problems);
        foreach (var (id, token) in read.Tokens.Index())
        {
            vocabulary.Add(read.Source, token, id);
            if (id < read.Types.Count && read.Types[id] is ControlType or UserDefinedType)
            {
                vocabulary.Add(read.Source, new AddedToken(id, token, read.Types[id] == ControlType));
            }
        }

        var merges = new MergeReader(vocabulary, $"{read.Source}, tokenizer.ggml.merges", problems);
        foreach (var merge in read.Merges)
        {
            merges.Add(merge);
        }

        if (problems.Count > 0)
        {
            throw new CheckpointException([.. problems.Take(10)]);
        }

        return new ByteLevelTokenizer(new ByteLevelModel
        {
            Fingerprint = VocabularyBuilder.Fingerprint(Lines(read.Tokens), Lines(read.Merges)),
            Tokens = vocabulary.Tokens,
            Vocabulary = vocabulary.Ids,
            Merges = merges.Merges,
            Added = vocabulary.Added,
            Frame = TokenFrame.None with
            {
                Prefix = read is { AddBos: true, BosId: { } bos } ? [bos] : [],
                Suffix = read is { AddEos: true, EosId: { } eos } ? [eos] : [],
            },
            Normalizers = name == "qwen2" ? [UnicodeNormalizer.Of(NormalizationForm.FormC)] : [],
            Splitters = splitters(),
            BosId = read.BosId,
            EosId = read.EosId,
            PadId = read.PadId,
        });
    }

    private static byte[] Lines(IEnumerable<string> lines) => Encoding.UTF8.GetBytes(string.Join('\n', lines));
}
