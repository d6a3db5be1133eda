using System.Buffers.Binary;
using System.Text;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.SentencePieces;
using Xunit;

namespace Guanxi.Transformers.Tests.Tokenization;

public sealed class UnigramTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void The_way_found_is_the_best_of_all_ways(int letters)
    {
        var random = new Random(20240 + letters);
        for (var round = 0; round < 80; round++)
        {
            var model = RandomModel(random, letters);
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => (char)('a' + random.Next(letters + 1))));
            var tokens = new SentencePieceTokenizer(model).Encode(text).Select(id => model.Pieces[id]).ToList();

            // The unknown piece may stand for several characters, so scores are compared and not the pieces themselves.
            Assert.Equal(BestScore(model, text), Score(model, text, tokens), 1e-4);
        }
    }

    [Fact]
    public void Unknown_characters_are_one_piece_or_their_bytes_and_places_count_utf16_units()
    {
        var tokenizer = new SentencePieceTokenizer(Model([("▁", -3), ("a", -1), ("b", -2), ("ab", -1.5f)]));
        var encoded = tokenizer.Tokenize("ab😀中 a", TokenizeOptions.Plain);
        Assert.Equal(["ab", "<unk>", "▁", "a"], encoded.Ids.Select(tokenizer.IdToToken));
        Assert.Equal([(0, 2), (2, 5), (5, 6), (6, 7)], encoded.Offsets);
        Assert.Equal("ab \u2047  a", tokenizer.Decode(encoded.Ids));

        var bytes = new SentencePieceTokenizer(Model([("▁", -3), ("a", -1)], bytes: true));
        Assert.Equal(["a", "<0xE4>", "<0xB8>", "<0xAD>"], bytes.Encode("a中").Select(bytes.IdToToken));
    }

    [Fact]
    public void A_user_defined_piece_scores_as_if_each_of_its_bytes_were_the_best_piece()
    {
        var model = Model([("a", -3), ("b", -3), ("ab", -7), ("x", -1)]);
        model = model with { Pieces = [.. model.Pieces, new SentencePiece("ba", 0, SentencePieceType.UserDefined)] };
        var tokenizer = new SentencePieceTokenizer(model);
        Assert.Equal(["a", "ba", "b"], tokenizer.Encode("abab").Select(tokenizer.IdToToken));
    }

    [Fact]
    public void Text_is_normalised_by_the_map_and_extra_spaces_are_removed()
    {
        var map = CharacterMap(("ａ", "a"), ("\u3000", " "), ("㍿", "株式"), ("ﬁ", "fi"), ("a\u0301", "á"), ("\u200B", string.Empty));
        var model = Model([("▁", -3), ("a", -1), ("á", -1), ("株", -2), ("株式", -2), ("f", -2), ("i", -2)]) with
        {
            CharactersMap = map,
            RemoveExtraSpaces = true,
            AddDummyPrefix = true,
        };
        var tokenizer = new SentencePieceTokenizer(model);
        var encoded = tokenizer.Tokenize("\u3000 ａ\u3000 ㍿\u200Ba\u0301ﬁ  ", TokenizeOptions.Plain);

        Assert.Equal(["▁", "a", "▁", "株式", "á", "f", "i"], encoded.Ids.Select(tokenizer.IdToToken));
        Assert.Equal([(0, 0), (2, 3), (3, 4), (5, 6), (7, 9), (9, 10), (9, 10)], encoded.Offsets);
        Assert.Equal(encoded.Ids, tokenizer.Encode("\u3000 ａ\u3000 ㍿\u200Ba\u0301ﬁ  "));
        Assert.Equal("a 株式áfi", tokenizer.Decode(encoded.Ids));
        Assert.Empty(tokenizer.Encode(" \u3000 "));
    }

    [Fact]
    public void A_map_whose_numbers_lead_nowhere_does_no_harm()
    {
        var random = new Random(3);
        var whole = CharacterMap(("ａ", "a"), ("\u3000", " "), ("㍿", "株式"));
        for (var round = 0; round < 300; round++)
        {
            var map = whole.ToArray();
            for (var flips = 0; flips < 8; flips++)
            {
                map[random.Next(sizeof(uint), map.Length - 1)] ^= (byte)(1 << random.Next(8));
            }

            var tokenizer = new SentencePieceTokenizer(Model([("a", -1)]) with { CharactersMap = map });
            tokenizer.Tokenize("ａ\u3000㍿ab中", TokenizeOptions.Plain);
        }
    }

    [Theory]
    [InlineData("a")]
    [InlineData("ab")]
    [InlineData("中")]
    public void A_megabyte_of_one_thing_ends(string unit)
    {
        var tokenizer = new SentencePieceTokenizer(Model([("a", -1), ("aa", -1), ("aaaaaaaa", -1), ("ab", -1), ("abab", -1)]));
        var text = string.Concat(Enumerable.Repeat(unit, (1 << 18) / unit.Length));
        Assert.NotEmpty(tokenizer.Encode(text));
    }

    private static double BestScore(SentencePieceModel model, string text)
    {
        var best = new double[text.Length + 1];
        var normal = model.Pieces.Where(piece => piece.Type == SentencePieceType.Normal).ToList();
        for (var end = 1; end <= text.Length; end++)
        {
            best[end] = normal.Where(piece => text[..end].EndsWith(piece.Text, StringComparison.Ordinal))
                .Select(piece => best[end - piece.Text.Length] + piece.Score).DefaultIfEmpty(double.NegativeInfinity).Max();
            if (!normal.Exists(piece => piece.Text == text[end - 1].ToString()))
            {
                best[end] = Math.Max(best[end], best[end - 1] + UnknownScore(model));
            }
        }

        return best[^1];
    }

    private static double Score(SentencePieceModel model, string text, List<SentencePiece> tokens)
    {
        var known = tokens.Where(piece => piece.Type == SentencePieceType.Normal).ToList();
        var unknown = text.Length - known.Sum(piece => piece.Text.Length);
        return known.Sum(piece => (double)piece.Score) + (unknown * UnknownScore(model));
    }

    private static double UnknownScore(SentencePieceModel model) =>
        model.Pieces.Where(piece => piece.Type == SentencePieceType.Normal).Min(piece => piece.Score) - 10;

    private static SentencePieceModel RandomModel(Random random, int letters)
    {
        var texts = Enumerable.Range(0, 12)
            .Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 5)).Select(_ => (char)('a' + random.Next(letters)))))
            .Distinct().Select(text => (text, -1 - (5 * random.NextSingle()))).ToArray();
        return Model(texts);
    }

    private static SentencePieceModel Model((string Text, float Score)[] normal, bool bytes = false) => new()
    {
        Source = "test",
        Fingerprint = string.Empty,
        Kind = SentencePieceKind.Unigram,
        ByteFallback = bytes,
        AddDummyPrefix = false,
        Pieces =
        [
            new SentencePiece("<unk>", 0, SentencePieceType.Unknown),
            .. bytes ? Enumerable.Range(0, 256).Select(value => new SentencePiece($"<0x{value:X2}>", 0, SentencePieceType.Byte)) : [],
            .. normal.Select(piece => new SentencePiece(piece.Text, piece.Score, SentencePieceType.Normal)),
        ],
    };

    /// <summary>A compiled map: a double array by the layout of darts-clone, its places found by trying.</summary>
    private static byte[] CharacterMap(params (string From, string To)[] entries)
    {
        var replacements = new List<byte>();
        var root = new Node();
        foreach (var (from, to) in entries)
        {
            var node = root;
            foreach (var value in Encoding.UTF8.GetBytes(from))
            {
                node = node.Children.TryGetValue(value, out var child) ? child : node.Children[value] = new Node();
            }

            node.Value = replacements.Count;
            replacements.AddRange([.. Encoding.UTF8.GetBytes(to), 0]);
        }

        var units = new uint[4096];
        var taken = new bool[units.Length];
        taken[0] = true;
        Place(root, 0, 0, units, taken, []);
        var map = new byte[(units.Length + 1) * sizeof(uint)];
        BinaryPrimitives.WriteInt32LittleEndian(map, units.Length * sizeof(uint));
        for (var i = 0; i < units.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(map.AsSpan((i + 1) * sizeof(uint)), units[i]);
        }

        return [.. map, .. replacements];
    }

    private static void Place(Node node, int at, byte label, uint[] units, bool[] taken, HashSet<int> starts)
    {
        var labels = node.Children.Keys.Select(key => (int)key).Concat(node.Value >= 0 ? [0] : Array.Empty<int>()).ToArray();
        // Two nodes must not begin their children at one place: a label would then lead from one to a child of the other.
        var start = Enumerable.Range(1, units.Length - 257)
            .First(start => labels.All(child => !taken[start ^ child]) && starts.Add(start));
        units[at] = ((uint)(at ^ start) << 10) | (node.Value >= 0 ? 0x100u : 0) | label;
        foreach (var child in labels)
        {
            taken[start ^ child] = true;
        }

        if (node.Value >= 0)
        {
            units[start] = (uint)node.Value | 0x80000000;
        }

        foreach (var (key, child) in node.Children)
        {
            Place(child, start ^ key, key, units, taken, starts);
        }
    }

    private sealed class Node
    {
        public SortedDictionary<byte, Node> Children { get; } = [];

        public int Value { get; set; } = -1;
    }
}
