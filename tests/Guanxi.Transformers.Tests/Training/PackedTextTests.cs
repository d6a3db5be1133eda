using Guanxi.TestKit;
using Guanxi.Transformers.Tests.Checkpoints;
using Guanxi.Transformers.Tests.Tokenization;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

public sealed class PackedTextTests
{
    [GoldenFact("golden/tokenizers/nano-bbpe")]
    public void A_file_that_is_not_there_is_told_by_name()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = TokenizerGolden.Load("nano-bbpe");

        var error = Assert.Throws<CheckpointException>(() => PackedText.Read(folder["absent.txt"], tokenizer, 8));

        Assert.StartsWith($"{folder["absent.txt"]}: the text cannot be read", error.Message, StringComparison.Ordinal);
    }

    [GoldenFact("golden/tokenizers/nano-bbpe")]
    public void Paragraphs_are_laid_end_to_end_each_closed_by_the_end_token()
    {
        using var folder = new TemporaryFolder();
        folder.Add("b.txt", "ab\n\n");
        folder.Add("a.txt", " a \n");
        var tokenizer = TokenizerGolden.Load("nano-bbpe");

        var rows = PackedText.Read(folder.FullPath, tokenizer, 1000);

        var end = tokenizer.EosId!.Value;
        Assert.Equal([.. tokenizer.Encode("a"), end, .. tokenizer.Encode("ab"), end], Assert.Single(rows).Tokens);
    }
}
