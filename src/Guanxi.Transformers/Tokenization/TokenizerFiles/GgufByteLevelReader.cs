using System.Text;
using Guanxi.Transformers.Checkpoints.Gguf;
using Guanxi.Transformers.Tokenization.ByteLevel;
using Guanxi.Transformers.Tokenization.SentencePieces;

namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>Makes a byte-level BPE tokenizer of a GGUF file's vocabulary.</summary>
internal static class GgufByteLevelReader
{
    /// <summary>Kind of such a vocabulary in a file's keys.</summary>
    public const string ModelName = "gpt2";

    /// <summary>Makes the tokenizer.</summary>
    /// <param name="read">The vocabulary as it stands in the file.</param>
    /// <exception cref="CheckpointException">The way of cutting is not known, or tokens and merges contradict each other.</exception>
    public static ByteLevelTokenizer Read(GgufTokenizer read)
    {
        if (ByteLevelForm.Find(read.Pre) is not { } form)
        {
            throw new CheckpointException(new Problem(
                $"{read.Source}, tokenizer.ggml.pre", "this way of cutting text into words is not supported", ByteLevelForm.Known,
                $"'{read.Pre}'", "Name a folder with the model's tokenizer.json."));
        }

        var problems = new List<Problem>();
        var vocabulary = new VocabularyBuilder(problems);
        foreach (var (id, token) in read.Tokens.Index())
        {
            vocabulary.Add(read.Source, token, id);
            if (id < read.Types.Count && (SentencePieceType)read.Types[id] is SentencePieceType.Control or SentencePieceType.UserDefined)
            {
                vocabulary.Add(read.Source, new AddedToken(id, token, read.Types[id] == (int)SentencePieceType.Control));
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
            Normalizers = form.Normalizers,
            Splitters = form.Splitters,
            BosId = read.BosId,
            EosId = read.EosId,
            PadId = read.PadId,
        });
    }

    /// <summary>The vocabulary of a tokenizer, to be written.</summary>
    /// <returns>Null when its way of cutting text has no name in GGUF files.</returns>
    public static GgufTokenizer? Describe(ByteLevelModel model)
    {
        if (ByteLevelForm.Of(model) is not { } form)
        {
            return null;
        }

        var types = model.Added.ToDictionary(
            token => token.Id, token => token.IsSpecial ? SentencePieceType.Control : SentencePieceType.UserDefined);
        return new GgufTokenizer
        {
            Source = form.Name,
            Model = ModelName,
            Pre = form.Name,
            Tokens = [.. model.Tokens.Select((token, id) => token ?? GgufTokenizer.Filling(id))],
            Types = [.. model.Tokens.Select((token, id) => (int)TypeOf(token, id))],
            Merges = [.. model.Merges.Select(merge => $"{model.Tokens[merge.Left]} {model.Tokens[merge.Right]}")],
            BosId = model.BosId,
            EosId = model.EosId,
            PadId = model.PadId,
            UnknownId = model.UnknownId,
            AddBos = model.Frame.Prefix.Length > 0,
            AddEos = model.Frame.Suffix.Length > 0,
        };

        SentencePieceType TypeOf(string? token, int id) =>
            token is null ? SentencePieceType.Unused : types.GetValueOrDefault(id, SentencePieceType.Normal);
    }

    private static byte[] Lines(IEnumerable<string> lines) => Encoding.UTF8.GetBytes(string.Join('\n', lines));
}
