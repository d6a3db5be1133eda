using Google.Protobuf;
using Guanxi.TestKit;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.SentencePieces;
using Xunit;

namespace Guanxi.Transformers.Tests.Tokenization;

public sealed class SentencePieceModelTests
{
    private const string Name = "folder/tokenizer.model";

    [Theory]
    [InlineData(3, "word")]
    [InlineData(4, "char")]
    public void Another_kind_of_model_is_refused_by_name(int type, string name)
    {
        var problem = Assert.Single(Refused(Small(trainer => trainer.WriteVarintField(3, type))));
        Assert.Equal((Name, "BPE or unigram", name), (problem.Where, problem.Expected, problem.Found));
    }

    [Fact]
    public void All_unsupported_settings_are_reported_at_once()
    {
        var problems = Refused(Small(
            trainer => trainer.WriteVarintField(24, 1),
            normalizer =>
            {
                normalizer.WriteBytesField(1, "nmt_nfkc"u8);
                normalizer.WriteVarintField(5, 0);
            }));
        Assert.Equal(2, problems.Count);
        Assert.Contains(problems, problem => problem.Expected == "escape_whitespaces true");
    }

    [Theory]
    [InlineData("00000000")]
    [InlineData("0400000000000000")]
    [InlineData("FFFFFFFF00000000FF00")]
    [InlineData("0300000000000000FF00")]
    public void A_damaged_map_of_characters_is_refused(string map)
    {
        var problem = Assert.Single(Refused(Small(_ => { }, normalizer => normalizer.WriteBytesField(2, Convert.FromHexString(map)))));
        Assert.Contains("map of characters", problem.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_that_a_file_leaves_out_have_the_defaults_of_the_format()
    {
        var model = SentencePieceModel.Parse(
            Message(file =>
            {
                file.WriteMessageField(1, piece => WritePiece(piece, "<unk>", 0, SentencePieceType.Unknown));
                file.WriteMessageField(1, piece => WritePiece(piece, "a", 0, SentencePieceType.Normal));
            }),
            Name);
        Assert.Equal((SentencePieceKind.Unigram, true, true), (model.Kind, model.RemoveExtraSpaces, model.AddDummyPrefix));
    }

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS")]
    [InlineData("<html>not found</html>", "no SentencePiece model")]
    [InlineData("", "no SentencePiece model")]
    public void What_is_no_model_is_said_to_be_none(string content, string message)
    {
        var problem = Assert.Single(Refused(System.Text.Encoding.UTF8.GetBytes(content)));
        Assert.Contains(message, problem.What, StringComparison.Ordinal);
        Assert.NotNull(problem.Found);
    }

    [Theory]
    [InlineData("piece twice", "a", 0f, SentencePieceType.Normal)]
    [InlineData("empty", "", 0f, SentencePieceType.Normal)]
    [InlineData("no number", "b", float.NaN, SentencePieceType.Normal)]
    [InlineData("type", "b", 0f, (SentencePieceType)9)]
    [InlineData("type", "b", 0f, SentencePieceType.Unused)]
    [InlineData("one unknown", "b", 0f, SentencePieceType.Unknown)]
    [InlineData("byte pieces", "<0xGG>", 0f, SentencePieceType.Byte)]
    public void Pieces_that_do_not_hold_together_are_refused(string what, string text, float score, SentencePieceType type)
    {
        var problems = Refused(Message(file =>
        {
            file.WriteMessageField(1, piece => WritePiece(piece, "<unk>", 0, SentencePieceType.Unknown));
            file.WriteMessageField(1, piece => WritePiece(piece, "a", 0, SentencePieceType.Normal));
            file.WriteMessageField(1, piece => WritePiece(piece, text, score, type));
            WriteSettings(file);
        }));
        Assert.StartsWith(Name, problems[0].Where, StringComparison.Ordinal);
        Assert.Contains(what.Replace("piece twice", "twice", StringComparison.Ordinal), problems[0].What, StringComparison.Ordinal);
    }

    [Fact]
    public void A_piece_that_is_no_utf8_is_refused()
    {
        var problem = Assert.Single(Refused(Message(file =>
        {
            file.WriteMessageField(1, piece => piece.WriteBytesField(1, [0x61, 0xFF, 0xC0]));
            WriteSettings(file);
        })));
        Assert.Contains("damaged", problem.What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x0A)]
    [InlineData(0x12)]
    [InlineData(0xFA)]
    public void A_length_that_the_file_claims_allocates_nothing(byte tag)
    {
        // Tag, then a length of 2^31 - 1 with nothing behind it.
        byte[] content = tag == 0xFA ? [0xFA, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0x07] : [tag, 0xFF, 0xFF, 0xFF, 0xFF, 0x07];
        Refused(content);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refused(content);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void Damaged_files_give_the_declared_exception_or_a_tokenizer_that_works()
    {
        var whole = File.ReadAllBytes(Path.Combine(TokenizerGolden.Folder("nano-spm"), "tokenizer.model"));
        var random = new Random(20240);
        var (refused, loaded) = (0, 0);
        for (var round = 0; round < 600; round++)
        {
            try
            {
                var tokenizer = new SentencePieceTokenizer(SentencePieceModel.Parse(Mutate(whole, random), Name));
                var ids = tokenizer.Encode("关系 <s>1\u0000😀\uD800 abc▁");
                tokenizer.Decode(ids);
                tokenizer.Decode([.. Enumerable.Range(0, tokenizer.VocabularySize)]);
                loaded++;
            }
            catch (CheckpointException e)
            {
                Assert.All(e.Problems, problem => Assert.StartsWith(Name, problem.Where, StringComparison.Ordinal));
                refused++;
            }
        }

        // Both outcomes must occur, or the mutations are too tame or too wild to test anything.
        Assert.InRange(refused, 50, 550);
        Assert.InRange(loaded, 50, 550);
    }

    private static byte[] Mutate(byte[] whole, Random random)
    {
        var content = whole.ToArray();
        switch (random.Next(5))
        {
            case 0:
                return content[..random.Next(content.Length)];
            case 1:
                // Near the end lie the settings.
                content[^random.Next(1, 200)] = (byte)random.Next(256);
                return content;
            case 2:
                var (at, length) = (random.Next(content.Length), random.Next(1, 40));
                return [.. content[..at], .. content[Math.Min(content.Length, at + length)..]];
            default:
                for (var flips = random.Next(1, 4); flips > 0; flips--)
                {
                    content[random.Next(content.Length)] ^= (byte)(1 << random.Next(8));
                }

                return content;
        }
    }

    private static IReadOnlyList<Problem> Refused(byte[] content) =>
        Assert.Throws<CheckpointException>(() => SentencePieceModel.Parse(content, Name)).Problems;

    private static byte[] Small(Action<CodedOutputStream> trainer, Action<CodedOutputStream>? normalizer = null) => Message(file =>
    {
        file.WriteMessageField(1, piece => WritePiece(piece, "<unk>", 0, SentencePieceType.Unknown));
        WriteSettings(file);
        file.WriteMessageField(2, trainer);
        file.WriteMessageField(3, normalizer ?? (_ => { }));
    });

    private static void WriteSettings(CodedOutputStream file)
    {
        file.WriteMessageField(2, trainer => trainer.WriteVarintField(3, 2));
        file.WriteMessageField(3, normalizer => normalizer.WriteVarintField(4, 0));
    }

    private static void WritePiece(CodedOutputStream piece, string text, float score, SentencePieceType type)
    {
        piece.WriteBytesField(1, System.Text.Encoding.UTF8.GetBytes(text));
        piece.WriteTag(2, WireFormat.WireType.Fixed32);
        piece.WriteFloat(score);
        piece.WriteVarintField(3, (int)type);
    }

    private static byte[] Message(Action<CodedOutputStream> write) => ProtobufFields.Message(write);
}

/// <summary>Writes fields of protobuf messages by number.</summary>
internal static class ProtobufFields
{
    public static byte[] Message(Action<CodedOutputStream> write)
    {
        using var memory = new MemoryStream();
        using (var output = new CodedOutputStream(memory, leaveOpen: true))
        {
            write(output);
        }

        return memory.ToArray();
    }

    public static void WriteVarintField(this CodedOutputStream output, int field, int value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt32(value);
    }

    public static void WriteBytesField(this CodedOutputStream output, int field, ReadOnlySpan<byte> value)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(value));
    }

    public static void WriteMessageField(this CodedOutputStream output, int field, Action<CodedOutputStream> write) =>
        output.WriteBytesField(field, Message(write));
}
