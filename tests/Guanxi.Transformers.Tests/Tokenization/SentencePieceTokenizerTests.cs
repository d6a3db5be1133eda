using System.Text;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.SentencePieces;
using Xunit;

namespace Guanxi.Transformers.Tests.Tokenization;

public sealed class SentencePieceTokenizerTests
{
    private static readonly TokenizeOptions s_parseAndAdd = new(ParseSpecial: true, AddSpecial: true);

    [Fact]
    public void Offsets_count_utf16_units_and_bytes_of_one_character_share_a_range()
    {
        var tokenizer = new SentencePieceTokenizer(Model(byteFallback: true, dummyPrefix: false, "▁", "a", "b", "ab"));
        var encoded = tokenizer.Tokenize("ab😀a 中", TokenizeOptions.Plain);

        (int, int)[] expected = [(0, 2), (2, 4), (2, 4), (2, 4), (2, 4), (4, 5), (5, 6), (6, 7), (6, 7), (6, 7)];
        Assert.Equal(expected, encoded.Offsets);
        Assert.Equal("ab😀a 中", tokenizer.Decode(encoded.Ids));
        Assert.Equal(["ab", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>"], encoded.Ids.Take(5).Select(tokenizer.IdToToken));
    }

    [Fact]
    public void A_dummy_prefix_has_no_place_in_the_text()
    {
        var tokenizer = new SentencePieceTokenizer(Model(byteFallback: true, dummyPrefix: true, "▁", "a", "b", "▁a"));

        Assert.Equal([(0, 1), (1, 2)], tokenizer.Tokenize("ab", TokenizeOptions.Plain).Offsets);
        Assert.Equal([(0, 0), (0, 1)], tokenizer.Tokenize("b", TokenizeOptions.Plain).Offsets);
        Assert.Empty(tokenizer.Encode(string.Empty));
        Assert.Equal("b", tokenizer.Decode(tokenizer.Encode("b")));
    }

    [Fact]
    public void Special_strings_become_ids_only_when_asked_for()
    {
        var tokenizer = new SentencePieceTokenizer(Model(byteFallback: true, dummyPrefix: false, "<", "/", "s", ">", "a", "<s"));
        const string Text = "a</s><s>a";

        Assert.DoesNotContain(tokenizer.EosId!.Value, tokenizer.Encode(Text));
        Assert.DoesNotContain(tokenizer.BosId!.Value, tokenizer.Tokenize(Text, TokenizeOptions.Plain).Ids);
        var parsed = tokenizer.Tokenize(Text, s_parseAndAdd);
        var a = tokenizer.Encode("a")[0];
        Assert.Equal([1, a, 2, 1, a], parsed.Ids);
        Assert.Equal([(0, 0), (0, 1), (1, 5), (5, 8), (8, 9)], parsed.Offsets);
    }

    [Fact]
    public void A_frame_may_end_a_text_too()
    {
        var model = Model(byteFallback: true, dummyPrefix: false, "a");
        var frame = new SentencePieceFrame(AddBos: false, AddEos: true, BosId: 1, EosId: 2, PadId: 0);
        var tokenizer = new SentencePieceTokenizer(model, frame);
        var encoded = tokenizer.Tokenize("a", s_parseAndAdd);

        Assert.Equal(2, encoded.Ids[^1]);
        Assert.Equal((1, 1), encoded.Offsets[^1]);
        Assert.Equal(2, encoded.Ids.Length);
        Assert.Equal(0, tokenizer.PadId);
    }

    [Fact]
    public void User_defined_pieces_are_cut_out_first_by_longest_match_and_never_merged()
    {
        var pieces = Pieces(byteFallback: true, "a", "b", "c", "ab", "bc", "abc");
        pieces.Add(new SentencePiece("b", 0, SentencePieceType.UserDefined));
        pieces.Add(new SentencePiece("bc<", 0, SentencePieceType.UserDefined));
        pieces.Add(new SentencePiece("b▁b", 0, SentencePieceType.UserDefined));
        pieces.RemoveAll(piece => piece is { Text: "b", Type: SentencePieceType.Normal });
        var tokenizer = new SentencePieceTokenizer(Model(pieces, byteFallback: true, dummyPrefix: false));

        Assert.Equal(["a", "b", "c"], Tokens(tokenizer, "abc"));
        Assert.Equal(["a", "bc<"], Tokens(tokenizer, "abc<"));
        Assert.Equal(["a", "b▁b", "c"], Tokens(tokenizer, "ab bc"));
    }

    [Fact]
    public void Without_byte_fallback_neighbouring_unknown_characters_are_one_token()
    {
        var tokenizer = new SentencePieceTokenizer(Model(byteFallback: false, dummyPrefix: false, "a"));
        var encoded = tokenizer.Tokenize("中😀a文", TokenizeOptions.Plain);

        Assert.Equal(["<unk>", "a", "<unk>"], encoded.Ids.Select(tokenizer.IdToToken));
        Assert.Equal([(0, 3), (3, 4), (4, 5)], encoded.Offsets);
        Assert.Equal(" \u2047 a \u2047 ", tokenizer.Decode(encoded.Ids));
    }

    [Fact]
    public void A_lone_surrogate_reads_as_the_replacement_character()
    {
        var tokenizer = new SentencePieceTokenizer(Model(byteFallback: true, dummyPrefix: false, "a", "\uFFFD"));

        Assert.Equal(tokenizer.Encode("a\uFFFDa\uFFFD"), tokenizer.Encode("a\uD800a\uDC00"));
        Assert.Equal("\uFFFD\uFFFD😀", tokenizer.Decode(tokenizer.Encode("\uDC00\uD83D😀")));
    }

    [Theory]
    [InlineData(true, "▁", "a", "b", "▁a", "ab", "▁ab", "▁▁", "▁▁a")]
    [InlineData(false, "▁", "a", "b", "▁a", "ab", "▁▁")]
    [InlineData(true, "▁", "a", "b", "a▁", "a▁b", "b▁")]
    [InlineData(false, "a", "b", "ab")]
    [InlineData(true, "▁", "a", "b", "ab▁ab")]
    public void Words_that_came_before_get_the_ids_they_had(bool byteFallback, params string[] pieces)
    {
        var random = new Random(pieces.Length);
        foreach (var dummyPrefix in (bool[])[false, true])
        {
            var tokenizer = new SentencePieceTokenizer(Model(byteFallback, dummyPrefix, pieces));
            for (var round = 0; round < 300; round++)
            {
                // Characters outside the vocabulary too, and words beyond the length that is remembered.
                var text = string.Concat(Enumerable.Range(0, random.Next(1, 60)).Select(_ => "ab  中"[random.Next(random.Next(2, 6))]));
                Assert.Equal(tokenizer.Tokenize(text, TokenizeOptions.Plain).Ids, tokenizer.Encode(text));
            }
        }
    }

    [Theory]
    [InlineData(3, 20)]
    [InlineData(3, 400)]
    [InlineData(6, 90)]
    public void Merging_equals_a_plain_search_over_strings(int letters, int length)
    {
        var random = new Random(20240 + letters + length);
        for (var round = 0; round < 60; round++)
        {
            var model = RandomModel(random, letters);
            var text = RandomText(random, letters + 1, random.Next(1, length));
            Assert.Equal(PlainMerge(model, text), Tokens(new SentencePieceTokenizer(model), text));
        }
    }

    [Theory]
    [InlineData("哈")]
    [InlineData("ab")]
    [InlineData(" ")]
    [InlineData("<")]
    public void A_megabyte_of_one_thing_ends(string unit)
    {
        // A search afresh after every merge would take hours here.
        string[] doubled = ["a", "b", "ab", "abab", "哈", "哈哈", "哈哈哈哈", "▁", "▁▁", "▁▁▁▁", "<", "<<"];
        var pieces = Pieces(byteFallback: true, doubled);
        pieces.Add(new SentencePiece("<reserved_1>", 0, SentencePieceType.UserDefined));
        var tokenizer = new SentencePieceTokenizer(Model(pieces, byteFallback: true, dummyPrefix: false));
        var text = string.Concat(Enumerable.Repeat(unit, (1 << 18) / unit.Length));

        var ids = tokenizer.Encode(text);
        Assert.Equal(text.Length / tokenizer.IdToToken(ids[0]).Length, ids.Length);
        Assert.Equal(text, tokenizer.Decode(ids));
    }

    [Fact]
    public void Threads_may_share_a_tokenizer()
    {
        var tokenizer = new SentencePieceTokenizer(RandomModel(new Random(5), 4));
        var texts = Enumerable.Range(0, 200).Select(seed => RandomText(new Random(seed), 5, 100)).ToArray();
        var alone = texts.Select(tokenizer.Encode).ToArray();
        var together = new int[texts.Length][];
        Parallel.For(0, texts.Length, i => together[i] = tokenizer.Encode(texts[i]));
        Assert.Equal(alone, together);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1000)]
    public void An_id_of_another_vocabulary_is_refused(int id)
    {
        var tokenizer = new SentencePieceTokenizer(Model(byteFallback: true, dummyPrefix: false, "a"));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([5, id]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.IdToToken(id));
    }

    /// <summary>The definition, word for word: look at all neighbours, merge the best, leftmost of equals, begin again.</summary>
    private static List<string> PlainMerge(SentencePieceModel model, string text)
    {
        var scores = model.Pieces.Where(piece => piece.Type == SentencePieceType.Normal)
            .ToDictionary(piece => piece.Text, piece => piece.Score);
        var parts = text.Select(c => c.ToString()).ToList();
        while (true)
        {
            var pairs = Enumerable.Range(0, parts.Count - 1).Where(i => scores.ContainsKey(parts[i] + parts[i + 1])).ToList();
            if (pairs.Count == 0)
            {
                break;
            }

            var at = pairs.MaxBy(i => (scores[parts[i] + parts[i + 1]], -i));
            parts[at] += parts[at + 1];
            parts.RemoveAt(at + 1);
        }

        return [.. parts.SelectMany(part => scores.ContainsKey(part) ? [part] : Encoding.UTF8.GetBytes(part).Select(b => $"<0x{b:X2}>"))];
    }

    private static SentencePieceModel RandomModel(Random random, int letters)
    {
        // Few scores, so that ties are common; one letter in two is no piece itself but may be in pieces.
        var texts = Enumerable.Range(0, letters).Where(i => i % 2 == 0).Select(i => ((char)('a' + i)).ToString()).ToHashSet();
        for (var i = 0; i < 25; i++)
        {
            texts.Add(RandomText(random, letters, random.Next(2, 6)));
        }

        var pieces = Pieces(byteFallback: true);
        pieces.AddRange(texts.Select(text => new SentencePiece(text, -random.Next(6), SentencePieceType.Normal)));
        return Model(pieces, byteFallback: true, dummyPrefix: false);
    }

    private static string RandomText(Random random, int letters, int length) =>
        string.Concat(Enumerable.Range(0, length).Select(_ => (char)('a' + random.Next(letters))));

    private static List<string> Tokens(SentencePieceTokenizer tokenizer, string text) =>
        [.. tokenizer.Encode(text).Select(tokenizer.IdToToken)];

    private static List<SentencePiece> Pieces(bool byteFallback, params string[] normal)
    {
        List<SentencePiece> pieces =
        [
            new("<unk>", 0, SentencePieceType.Unknown), new("<s>", 0, SentencePieceType.Control), new("</s>", 0, SentencePieceType.Control),
        ];
        if (byteFallback)
        {
            pieces.AddRange(Enumerable.Range(0, 256).Select(value => new SentencePiece($"<0x{value:X2}>", 0, SentencePieceType.Byte)));
        }

        pieces.AddRange(normal.Select((text, i) => new SentencePiece(text, -i, SentencePieceType.Normal)));
        return pieces;
    }

    private static SentencePieceModel Model(bool byteFallback, bool dummyPrefix, params string[] normal) =>
        Model(Pieces(byteFallback, normal), byteFallback, dummyPrefix);

    private static SentencePieceModel Model(List<SentencePiece> pieces, bool byteFallback, bool dummyPrefix) => new()
    {
        Source = "test",
        Fingerprint = string.Empty,
        Pieces = pieces,
        ByteFallback = byteFallback,
        AddDummyPrefix = dummyPrefix,
    };
}
