using Guanxi.TestKit;
using Guanxi.Transformers.Tokenization;
using Xunit;

namespace Guanxi.Transformers.Tests.Tokenization;

public sealed class TokenizerLoaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-tokenizer").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_folder_without_a_tokenizer_says_what_would_be_one()
    {
        File.WriteAllText(Path.Combine(_folder, "merges.txt"), "#version: 0.2\n");
        var problem = Assert.Single(Assert.Throws<CheckpointException>(() => TokenizerLoader.Load(_folder)).Problems);
        Assert.Equal(_folder, problem.Where);
        Assert.Contains("tokenizer.model", problem.Expected, StringComparison.Ordinal);

        var missing = Path.Combine(_folder, "none");
        Assert.Contains(missing, Assert.Throws<CheckpointException>(() => TokenizerLoader.Load(missing)).Message, StringComparison.Ordinal);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void Names_and_frame_come_from_the_configuration()
    {
        WriteModel("""{"add_bos_token": false, "add_eos_token": true, "bos_token": {"content": "<s>"}, "pad_token": "<unk>"}""");
        var tokenizer = TokenizerLoader.Load(_folder);
        Assert.Equal((1, 2, 0), (tokenizer.BosId!.Value, tokenizer.EosId!.Value, tokenizer.PadId!.Value));
        Assert.Equal(64, tokenizer.Fingerprint.Length);
        var ids = tokenizer.Tokenize("中", new TokenizeOptions(ParseSpecial: false, AddSpecial: true)).Ids;
        Assert.NotEqual(1, ids[0]);
        Assert.Equal(2, ids[^1]);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void Without_a_configuration_the_model_file_decides()
    {
        WriteModel(config: null);
        var tokenizer = TokenizerLoader.Load(_folder);
        Assert.Null(tokenizer.PadId);
        Assert.Equal(1, tokenizer.Tokenize("中", new TokenizeOptions(ParseSpecial: false, AddSpecial: true)).Ids[0]);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void Added_tokens_extend_the_vocabulary()
    {
        WriteModel("""
            {"pad_token": "<pad>", "added_tokens_decoder": {
              "0": {"content": "<unk>", "special": true},
              "1000": {"content": "<pad>", "special": true},
              "1001": {"content": "<tool>", "special": false}}}
            """);
        var tokenizer = TokenizerLoader.Load(_folder);
        Assert.Equal(1002, tokenizer.VocabularySize);
        Assert.Equal(1000, tokenizer.PadId);
        Assert.DoesNotContain(1000, tokenizer.Encode("<pad>"));
        Assert.Equal([1000, 1001], tokenizer.Tokenize("<pad><tool>", new TokenizeOptions(ParseSpecial: true, AddSpecial: false)).Ids);
        Assert.Equal("<tool>", tokenizer.Decode([1000, 1001]));
    }

    [GoldenTheory("golden/tokenizers/nano-spm")]
    [InlineData("""{"eos_token": "<|end|>"}""", "eos_token")]
    [InlineData("""{"bos_token": 5}""", "bos_token")]
    [InlineData("""{"add_bos_token": "yes"}""", "add_bos_token")]
    [InlineData("""{"added_tokens_decoder": {"1005": {"content": "x"}}}""", "gap")]
    [InlineData("""{"added_tokens_decoder": {"1": {"content": "x"}}}""", "'<s>'")]
    [InlineData("""{"added_tokens_decoder": {"-3": {"content": "x"}}}""", "gap")]
    [InlineData("""{"added_tokens_decoder": {"1000": {"content": "<s>"}}}""", "twice")]
    [InlineData("""{"bos_token": "\ud800"}""", "tokenizer_config.json")]
    [InlineData("[1]", "not a JSON object")]
    [InlineData("{", "tokenizer_config.json")]
    public void A_wrong_configuration_is_said_to_be_wrong(string config, string message)
    {
        WriteModel(config);
        var error = Assert.Throws<CheckpointException>(() => TokenizerLoader.Load(_folder));
        Assert.Contains(_folder, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_vocabulary_of_the_embedded_base_keeps_the_prompt_whole()
    {
        var tokenizer = TokenizerLoader.Load(Path.Combine(Golden.RepositoryRoot, "assets", "base-zh"));
        Assert.Equal(6000, tokenizer.VocabularySize);
        Assert.Equal((1, 2, 0), (tokenizer.BosId!.Value, tokenizer.EosId!.Value, tokenizer.PadId!.Value));
        foreach (var mark in "：，。？！、；（）《》“”‘’[]',0123456789 \n\t")
        {
            Assert.Single(tokenizer.Encode(mark.ToString()));
        }

        const string Prompt = "给定以下标签：['不确定', '夫妻']，请在以下句子中分析并分类实体之间的关系：'甲'在这个句子中，甲和乙之间的关系应该属于哪个标签？";
        var ids = tokenizer.Encode(Prompt);
        Assert.Equal(Prompt, tokenizer.Decode(ids));
        Assert.DoesNotContain(ids, id => tokenizer.IdToToken(id).StartsWith("<0x", StringComparison.Ordinal));
    }

    private void WriteModel(string? config)
    {
        File.Copy(Path.Combine(TokenizerGolden.Folder("nano-spm"), "tokenizer.model"), Path.Combine(_folder, "tokenizer.model"));
        if (config is not null)
        {
            File.WriteAllText(Path.Combine(_folder, "tokenizer_config.json"), config);
        }
    }
}
