using System.Text;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.ByteLevel;
using Guanxi.Transformers.Tokenization.Unicode;
using Xunit;

namespace Guanxi.Transformers.Tests.Tokenization;

public sealed class ByteLevelTokenizerTests
{
    private static readonly string[] s_letters = ["a", " ", "é", "中", "丰", "文", "\u4E00", "😀", "\u00A0"];

    [Theory]
    [InlineData(12)]
    [InlineData(150)]
    public void Merging_equals_a_plain_search(int length)
    {
        // Merges learnt by chance from text of few characters: many tokens begin and end inside characters.
        var random = new Random(20240 + length);
        for (var round = 0; round < 40; round++)
        {
            var model = RandomModel(random);
            var text = RandomText(random, random.Next(1, length));
            Assert.Equal(PlainMerge(model, text), new ByteLevelTokenizer(model).Encode(text));
        }
    }

    [Fact]
    public void Words_that_come_again_are_answered_alike_on_all_threads()
    {
        var tokenizer = new ByteLevelTokenizer(RandomModel(new Random(5)));
        var texts = Enumerable.Range(0, 300).Select(seed => RandomText(new Random(seed % 50), 1 + (seed % 7))).ToArray();
        var alone = texts.Select(new ByteLevelTokenizer(RandomModel(new Random(5))).Encode).ToArray();
        var together = new int[texts.Length][];
        Parallel.For(0, texts.Length, i => together[i] = tokenizer.Encode(texts[i]));
        Assert.Equal(alone, together);
    }

    [Fact]
    public void Text_and_its_bytes_come_back()
    {
        var tokenizer = new ByteLevelTokenizer(RandomModel(new Random(6)));
        const string Text = "a中😀\u0000\r\n é";
        Assert.Equal(Text, tokenizer.Decode(tokenizer.Encode(Text)));
        Assert.Equal("\uFFFDa", tokenizer.Decode(tokenizer.Encode("\uD800a")));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.IdToToken(-1));
    }

    [Theory]
    [InlineData(NormalizationForm.FormC, "e\u0301", "é")]
    [InlineData(NormalizationForm.FormD, "é각", "e\u0301\u1100\u1161\u11A8")]
    [InlineData(NormalizationForm.FormC, "\u1100\u1161\u11A8\u0344", "각\u0308\u0301")]
    [InlineData(NormalizationForm.FormKC, "ﬁ①Ａ", "fi1A")]
    [InlineData(NormalizationForm.FormKD, "ﬁé", "fie\u0301")]
    [InlineData(NormalizationForm.FormC, "a\u0328\u0301\u0323", "ą\u0323\u0301")]
    [InlineData(NormalizationForm.FormC, "\u212B\u0958", "Å\u0915\u093C")]
    public void Normal_forms_are_those_of_Unicode(NormalizationForm form, string text, string expected)
    {
        var normalizer = UnicodeNormalizer.Of(form);
        Assert.Equal(expected, normalizer.Apply(text)!.Text);
        Assert.Equal(expected, normalizer.Apply(expected)?.Text ?? expected);
        Assert.Null(normalizer.Apply("abc 中文"));
    }

    private static List<int> PlainMerge(ByteLevelModel model, string text)
    {
        var ids = new List<int>();
        var start = 0;
        foreach (var end in WordSplitter.SplitAll(model.Splitters, text))
        {
            var parts = Encoding.UTF8.GetBytes(text[start..end]).Select(value => (int)value).ToList();
            start = end;
            while (true)
            {
                var merge = model.Merges.FirstOrDefault(merge => Find(parts, merge) >= 0);
                if (merge == default)
                {
                    break;
                }

                var at = Find(parts, merge);
                parts[at] = merge.Result;
                parts.RemoveAt(at + 1);
            }

            ids.AddRange(parts);
        }

        return ids;
    }

    private static int Find(List<int> parts, (int Left, int Right, int Result) merge) =>
        Enumerable.Range(0, Math.Max(0, parts.Count - 1)).Cast<int?>().FirstOrDefault(i => parts[i!.Value] == merge.Left && parts[i.Value + 1] == merge.Right) ?? -1;

    private static ByteLevelModel RandomModel(Random random)
    {
        var tokens = Enumerable.Range(0, 256).Select(value => ByteAlphabet.Character(value).ToString()).ToList();
        var merges = new List<(int, int, int)>();
        while (merges.Count < 30)
        {
            // A token that was made before, or a byte, and what follows it somewhere in a text.
            var bytes = Encoding.UTF8.GetBytes(RandomText(random, 6));
            var cut = random.Next(1, bytes.Length);
            var (left, right) = (Token(tokens, bytes[..cut], fromEnd: true), Token(tokens, bytes[cut..], fromEnd: false));
            var result = tokens[left] + tokens[right];
            if (!tokens.Contains(result))
            {
                merges.Add((left, right, tokens.Count));
                tokens.Add(result);
            }
        }

        return new ByteLevelModel
        {
            Fingerprint = string.Empty,
            Tokens = tokens,
            Vocabulary = tokens.Select((token, id) => (token, id)).ToDictionary(pair => pair.token, pair => pair.id, StringComparer.Ordinal),
            Merges = merges,
            Added = [],
            Frame = TokenFrame.None,
            Normalizers = [],
            Splitters = [new Gpt2Splitter()],
        };
    }

    private static int Token(List<string> tokens, byte[] bytes, bool fromEnd)
    {
        var text = string.Concat(bytes.Select(value => ByteAlphabet.Character(value)));
        return Enumerable.Range(0, tokens.Count).Where(id => fromEnd ? text.EndsWith(tokens[id], StringComparison.Ordinal) : text.StartsWith(tokens[id], StringComparison.Ordinal))
            .MaxBy(id => tokens[id].Length);
    }

    private static string RandomText(Random random, int length) =>
        string.Concat(Enumerable.Range(0, length).Select(_ => s_letters[random.Next(s_letters.Length)]));
}
