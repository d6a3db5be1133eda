using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.ByteLevel;
using Guanxi.Transformers.Tokenization.WordPieces;
using Xunit;

namespace Guanxi.Transformers.Tests.Tokenization;

public sealed class TokenizerFileTests : IDisposable
{
    private const string ByteLevelParts =
        """
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "decoder": {"type": "ByteLevel"}
        """;

    private const string SmallModel =
        """
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġa": 4}, "merges": [["a", "b"], "Ġ a"]}
        """;

    private static readonly TokenizeOptions s_parse = new(ParseSpecial: true, AddSpecial: false);

    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-tokenizer").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("{", "not valid JSON")]
    [InlineData("[]", "root")]
    [InlineData("{}", "no model")]
    [InlineData("""{"model": {"type": "Unigram", "vocab": []}}""", "'Unigram'")]
    [InlineData("""{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}""", "not supported")]
    [InlineData("""{"model": {"type": "WordPiece"}}""", "no vocabulary")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"[UNK]": "x"}}}""", "'[UNK]' has no id")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"[UNK]": -1}}}""", "'[UNK]' cannot be")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"a": 99999999}}}""", "'a' cannot be")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"a": 0}}}""", "'[UNK]'")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"a": 0, "[UNK]": 0}}}""", "two spellings")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"[UNK]": 0}}, "normalizer": {"type": "Nmt"}}""", "'Nmt'")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"[UNK]": 0}}, "post_processor": {"type": "BertProcessing", "sep": ["x", 7], "cls": ["y", 0]}}""", "7")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"[UNK]": 0}}, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]"}}]}}""", "'[CLS]'")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"[UNK]": 0}}, "added_tokens": [{"content": "x"}]}""", "no token with its id")]
    [InlineData("""{"model": {"type": "WordPiece", "vocab": {"[UNK]": 0}}, "added_tokens": [{"id": 5, "content": "[UNK]"}]}""", "another id")]
    public void A_broken_file_is_said_to_be_broken(string content, string message) => AssertRefused(content, message);

    [Theory]
    [InlineData("""[["a", "x"]]""", "'x'")]
    [InlineData("""[["b", "a"]]""", "'ba'")]
    [InlineData("""["ab"]""", "two tokens")]
    [InlineData("""[["a", "b", "c"]]""", "two tokens")]
    [InlineData("""[3]""", "two tokens")]
    [InlineData("3", "no merges")]
    public void A_broken_merge_is_said_to_be_broken(string merges, string message) =>
        AssertRefused($$"""{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": {{merges}}}, {{ByteLevelParts}}}""", message);

    [Theory]
    [InlineData(""", "normalizer": {"type": "Lowercase"}""", "'Lowercase'")]
    [InlineData(""", "post_processor": {"type": "Strange"}""", "'Strange'")]
    [InlineData(""", "post_processor": {"type": "Sequence", "processors": 3}""", "not a list")]
    public void A_part_that_is_not_supported_is_named(string part, string message) =>
        AssertRefused($$"""{{{SmallModel}}, {{ByteLevelParts}} {{part}}}""", message);

    [Theory]
    [InlineData("""{"type": "Metaspace"}""", "'Metaspace'")]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "\\p{Script=Han}+"}, "behavior": "Isolated"}""", "regular expression")]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "a++"}, "behavior": "Isolated"}""", "'++'")]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"}""", "regular expression")]
    [InlineData("""{"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Removed"}""", "behavior")]
    [InlineData("""{"type": "Split", "pattern": 5, "behavior": "Isolated"}""", "pattern")]
    public void A_pre_tokenizer_that_is_not_supported_is_named(string splitter, string message) => AssertRefused(
        $$"""{{{SmallModel}}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{{splitter}}, {"type": "ByteLevel", "use_regex": false, "add_prefix_space": false}] } }""",
        message);

    [Theory]
    [InlineData("[UNK]\n[CLS]\n[SEP]\n\nx\n", "line 4")]
    [InlineData("[UNK]\n[CLS]\n[SEP]\nx\nx\n", "line 5")]
    [InlineData("a\nb\n", "'[UNK]'")]
    [InlineData("", "empty")]
    public void A_broken_word_list_is_said_to_be_broken(string content, string message)
    {
        File.WriteAllText(Path.Combine(_folder, "vocab.txt"), content);
        var error = Assert.Throws<CheckpointException>(() => TokenizerLoader.Load(_folder));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vocabulary_and_its_merges_in_two_files_are_read()
    {
        File.WriteAllText(Path.Combine(_folder, "vocab.json"), """{"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġa": 4}""");
        File.WriteAllText(Path.Combine(_folder, "merges.txt"), "#version: 0.2\na b\nĠ a\n");
        var tokenizer = Assert.IsType<ByteLevelTokenizer>(TokenizerLoader.Load(_folder));
        Assert.Equal([2, 3, 2, 4], tokenizer.Encode("ab ab a"));
        Assert.Equal("ab ab a", tokenizer.Decode([2, 3, 2, 4]));

        File.WriteAllText(Path.Combine(_folder, "merges.txt"), "a b c\n");
        Assert.Contains("'a b c'", Assert.Throws<CheckpointException>(() => TokenizerLoader.Load(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Added_tokens_take_white_space_and_respect_words_as_they_say()
    {
        Write($$"""
            {{{SmallModel}}, {{ByteLevelParts}}, "added_tokens": [
              {"id": 5, "content": "<l>", "special": true, "lstrip": true}, {"id": 6, "content": "<r>", "special": true, "rstrip": true},
              {"id": 7, "content": "bb", "special": false, "single_word": true, "normalized": false}]}
            """);
        var tokenizer = TokenizerLoader.Load(_folder);

        Assert.Equal([0, 5, 0], tokenizer.Tokenize("a  <l>a", s_parse).Ids);
        Assert.Equal([(0, 1), (1, 6), (6, 7)], tokenizer.Tokenize("a  <l>a", s_parse).Offsets);
        Assert.Equal([0, 6, 0], tokenizer.Tokenize("a<r> \na", s_parse).Ids);
        Assert.Equal([3, 7, 4], tokenizer.Encode(" bb a"));
        Assert.Equal([1, 1, 1], tokenizer.Encode("bbb"));
        Assert.DoesNotContain(5, tokenizer.Encode("a <l>"));
    }

    [Fact]
    public void A_whole_word_may_come_before_the_merges()
    {
        const string Vocabulary = """{"a": 0, "b": 1, "ab": 2, "aba": 3}""";
        Write($$"""{"model": {"type": "BPE", "ignore_merges": true, "vocab": {{Vocabulary}}, "merges": ["a b"]}, {{ByteLevelParts}}}""");
        Assert.Equal([3], TokenizerLoader.Load(_folder).Encode("aba"));
        Write($$"""{"model": {"type": "BPE", "vocab": {{Vocabulary}}, "merges": ["a b"]}, {{ByteLevelParts}}}""");
        Assert.Equal([2, 0], TokenizerLoader.Load(_folder).Encode("aba"));
    }

    [Fact]
    public void A_post_processor_puts_its_tokens_around_a_text()
    {
        Write($$"""
            {{{SmallModel}}, {{ByteLevelParts}}, "added_tokens": [{"id": 5, "content": "<s>", "special": true}],
             "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel", "trim_offsets": true}, {"type": "TemplateProcessing",
               "single": [{"SpecialToken": {"id": "<s>", "type_id": 0} }, {"Sequence": {"id": "A", "type_id": 0} }],
               "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]} } }] } }
            """);
        var encoded = TokenizerLoader.Load(_folder).Tokenize("b a", new TokenizeOptions(ParseSpecial: false, AddSpecial: true));
        Assert.Equal([5, 1, 4], encoded.Ids);
        Assert.Equal([(0, 0), (0, 1), (2, 3)], encoded.Offsets);
    }

    [Theory]
    [InlineData("ab")]
    [InlineData("哈")]
    [InlineData(" ")]
    [InlineData("\n ")]
    [InlineData("'")]
    public void A_megabyte_of_one_thing_ends(string unit)
    {
        Write($$"""{{{SmallModel}}, {{ByteLevelParts}}}""");
        var text = string.Concat(Enumerable.Repeat(unit, (1 << 18) / unit.Length));
        var tokenizer = TokenizerLoader.Load(_folder);
        Assert.Equal(tokenizer.Encode(text), tokenizer.Tokenize(text, s_parse).Ids);
    }

    [Fact]
    public void A_word_list_makes_the_same_tokenizer_whatever_line_ends_it_has()
    {
        File.WriteAllText(Path.Combine(_folder, "vocab.txt"), "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\na\r\n##b\r\n<e1>\r\n");
        File.WriteAllText(Path.Combine(_folder, "tokenizer_config.json"), """{"never_split": ["<e1>"], "do_lower_case": false}""");
        var tokenizer = Assert.IsType<WordPieceTokenizer>(TokenizerLoader.Load(_folder));
        Assert.Equal([5, 6, 7, 1, 1], tokenizer.Encode("ab <e1> A x"));
        Assert.Equal((2, 3, 0, 1), (tokenizer.BosId!.Value, tokenizer.EosId!.Value, tokenizer.PadId!.Value, tokenizer.UnknownId));
        Assert.Equal("ab", tokenizer.Decode([2, 5, 6, 3]));
        Assert.Equal(4, tokenizer.SpecialTokens["[MASK]"]);
        Assert.DoesNotContain(4, tokenizer.Encode("[MASK]"));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([8]));
    }

    [Fact]
    public void A_configuration_is_read_as_strictly_as_other_files_and_quoted_in_part()
    {
        File.WriteAllText(Path.Combine(_folder, "vocab.txt"), "[UNK]\n[CLS]\n[SEP]\nA\n");
        var config = Path.Combine(_folder, "tokenizer_config.json");
        File.WriteAllText(config, """{"do_lower_case": false}""", new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        Assert.Equal([3], TokenizerLoader.Load(_folder).Encode("A"));

        File.WriteAllText(config, """{"do_lower_case": false, "do_lower_case": true}""");
        Assert.Contains("do_lower_case", Assert.Throws<CheckpointException>(() => TokenizerLoader.Load(_folder)).Message, StringComparison.Ordinal);

        File.WriteAllText(config, """{"added_tokens_decoder": {"y": {"content": "z"}}, "do_lower_case": """ + $"\"{new string('x', 100_000)}\"}}");
        var error = Assert.Throws<CheckpointException>(() => TokenizerLoader.Load(_folder));
        Assert.Equal(2, error.Problems.Count);
        Assert.InRange(error.Message.Length, 1, 1000);
    }

    private void AssertRefused(string content, string message)
    {
        Write(content);
        var error = Assert.Throws<CheckpointException>(() => TokenizerLoader.Load(_folder));
        Assert.All(error.Problems, problem => Assert.StartsWith(_folder, problem.Where, StringComparison.Ordinal));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private void Write(string content) => File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), content);
}
