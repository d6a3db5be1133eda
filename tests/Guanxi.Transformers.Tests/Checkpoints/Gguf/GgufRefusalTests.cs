using Guanxi.Transformers.Checkpoints.Gguf;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints.Gguf;

/// <summary>Headers that must be refused, each with what is wrong and where.</summary>
public sealed class GgufRefusalTests
{
    private const long AllowedBytes = 1L << 20;
    private const uint Text = 8;
    private const uint List = 9;

    [Fact]
    public void What_is_no_such_file_is_refused()
    {
        Refuse([], "the file is empty");
        Refuse("GGUF"u8.ToArray(), "this is no GGUF file");
        Refuse(new byte[64], "this is no GGUF file");
        Refuse(new GgufImage().Raw([.. "GGUF"u8]).Number(1u).Number(0UL).Number(0UL).End(0),
            "this version of the format is not read; expected 2 or 3; found 1");
        Refuse(new GgufImage().Raw([.. "GGUF"u8, 0, 0, 0, 3]).Number(0UL).Number(0UL).End(0), "big-endian");
    }

    [Fact]
    public void Counts_that_the_file_has_no_room_for_are_refused()
    {
        Refuse(new GgufImage().Begin(ulong.MaxValue, 0).End(64), "too short for what it counts");
        Refuse(new GgufImage().Begin(0, 1UL << 62).End(64), "too short for what it counts");
        Refuse(new GgufImage().Begin(3, 0).End(64), "too short for what it counts");
    }

    [Fact]
    public void Keys_that_break_a_rule_are_refused()
    {
        Refuse(Key(image => image.Number(ulong.MaxValue)), "the name of a key is too long");
        Refuse(Key(image => image.Number(5000UL).Raw(65)), "the name of a key is too long");
        Refuse(Key(image => image.Number(1UL).Raw(0xFF).Number(Text).Text("a")), "the name of a key is not UTF-8");
        Refuse(Key(image => image.Key(string.Empty, Text).Text("a")), "a key has no name");
        Refuse(Key(image => image.Key("a", 13)), "the value of 'a' is of no type of the format; expected 0 to 12; found 13");
        Refuse(Key(image => image.Key("a", uint.MaxValue)), "the value of 'a' is of no type of the format");
        Refuse(Key(image => image.Key("a", 7).Raw(2)), "the value of 'a' is no truth value");
        Refuse(Key(image => image.Key("a", 10).Number(ulong.MaxValue)), "the value of 'a' is too large");
        Refuse(Key(image => image.Key("a", Text).Number(1UL << 40)), "the value of 'a' is too long");
        Refuse(Key(image => image.Key("a", List).Number(4u).Number(1UL << 40)), "the list 'a' is too long");
        Refuse(Key(image => image.Key("a", List).Number(Text).Number(1UL << 20)), "the list 'a' is too long");
        Refuse(Key(image => image.Key("a", List).Number(List).Number(1UL)), "the list 'a' is of a type that is not read");
        Refuse(Key(image => image.Key("a", List).Number(Text).Number(1UL).Number(9999UL)), "an element of 'a' is too long");
        Refuse(new GgufImage().Begin(0, 2).Key("a", 7).Raw(1).Key("a", 7).Raw(1).End(64), "the key 'a' occurs twice");
        Refuse(Key(image => image.Key("general.alignment", 4).Number(0u)), "general.alignment is unusable");
        Refuse(Key(image => image.Key("general.alignment", 4).Number(48u)),
            "general.alignment is unusable; expected a power of two up to 65536; found 48");
        Refuse(Key(image => image.Key("general.alignment", Text).Text("32")), "general.alignment is unusable");
    }

    [Fact]
    public void Tensors_that_break_a_rule_are_refused()
    {
        Refuse(One(image => image.Tensor("a", 0, 0)), "tensor 'a' has an impossible rank; expected 1 to 4; found 0");
        Refuse(One(image => image.Tensor("a", 0, 0, 1, 1, 1, 1, 1)), "tensor 'a' has an impossible rank");
        Refuse(One(image => image.Tensor(string.Empty, 0, 0, 4)), "a tensor has no name");
        Refuse(One(image => image.Tensor("a", 0, 0, 4, 0)), "tensor 'a' has an impossible size");
        Refuse(One(image => image.Tensor("a", 0, 0, 4194305, 4194305, 211106198978564)), "tensor 'a' has an impossible size");
        Refuse(One(image => image.Tensor("a", 0, 0, ulong.MaxValue, ulong.MaxValue)), "tensor 'a' has an impossible size");
        Refuse(One(image => image.Tensor("a", 10, 0, 256)), "tensor 'a' is stored in a way that is not read");
        Refuse(One(image => image.Tensor("a", uint.MaxValue, 0, 256)), "found type 4294967295");
        Refuse(One(image => image.Tensor("a", 8, 0, 48)), "rows of tensor 'a' are no whole blocks; expected a multiple of 32; found 48");
        Refuse(One(image => image.Tensor("a", 12, 0, 32)), "rows of tensor 'a' are no whole blocks; expected a multiple of 256");
        Refuse(One(image => image.Tensor("a", 0, 8, 2)), "tensor 'a' is not aligned; expected a multiple of 32; found 8");
        Refuse(One(image => image.Tensor("a", 0, 96, 2)), "tensor 'a' lies outside the file");
        Refuse(One(image => image.Tensor("a", 0, ulong.MaxValue - 31, 2)), "tensor 'a' lies outside the file");
        Refuse(One(image => image.Tensor("a", 0, 0, 25)), "tensor 'a' lies outside the file; expected 100 bytes inside the 96 of data");
        Refuse(Two(image => image.Tensor("a", 0, 0, 2).Tensor("a", 0, 32, 2)), "tensor 'a' occurs twice");
        Refuse(Two(image => image.Tensor("a", 0, 0, 9).Tensor("b", 0, 32, 2)), "tensor 'b' overlaps another");
    }

    [Fact]
    public void A_place_is_named_with_every_fault()
    {
        var message = Refuse(Key(image => image.Key("a", 13)), "of no type");
        Assert.Contains("refused.gguf, GGUF header, byte 37: ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_that_do_not_make_a_whole_are_told_together()
    {
        var image = new GgufImage().Begin(4, 2)
            .Key("general.architecture", Text).Text("baichuan")
            .Key("baichuan.attention.head_count", 4).Number(3u)
            .Tensor("blk.0.attn_q.weight", 0, 0, 2, 4).Tensor("blk.0.attn_k.weight", 0, 32, 2, 4)
            .Tensor("blk.1.attn_q.weight", 0, 64, 2, 6).Tensor("blk.1.attn_v.weight", 0, 128, 2, 6)
            .End(192);

        var message = Refuse(image, "tensor 'blk.0.attn_v.weight' is missing beside");

        Assert.Contains("tensor 'blk.1.attn_k.weight' is missing beside", message, StringComparison.Ordinal);
        Assert.Contains("rows of tensor 'blk.0.attn_q.weight' are no heads of pairs; expected a multiple of 2 x 3 heads; found 4",
            message, StringComparison.Ordinal);
    }

    private static byte[] Key(Func<GgufImage, GgufImage> key) => key(new GgufImage().Begin(0, 1)).End(96);

    private static byte[] One(Func<GgufImage, GgufImage> tensor) => tensor(new GgufImage().Begin(1, 0)).End(96);

    private static byte[] Two(Func<GgufImage, GgufImage> tensors) => tensors(new GgufImage().Begin(2, 0)).End(96);

    private static string Refuse(byte[] image, string reason)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Add("refused.gguf", image);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<CheckpointException>(() => GgufFile.Open(path));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllowedBytes);
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        return error.Message;
    }
}
