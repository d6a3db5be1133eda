using Guanxi.TestKit;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Torch;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints.Torch;

public sealed class TorchFileFuzzTests
{
    private const long AllowedBytes = 64L << 20;

    [Theory]
    [GoldenInlineData("golden/models/malicious", "good")]
    [InlineData("strided")]
    [InlineData("legacy")]
    public void Mutations_are_read_whole_or_refused(string form)
    {
        using var folder = new TemporaryFolder();
        var original = Original(form);
        var random = new Random(1_950_086);
        var (refused, count) = (0, LongTests.Count(500, 10_000));
        for (var i = 0; i < count; i++)
        {
            var image = Mutation.Of(original, random);
            var path = folder.Add("m.bin", image);
            var before = GC.GetAllocatedBytesForCurrentThread();
            refused += IsRefused(path, image) ? 1 : 0;
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, image.Length + (AllowedBytes / 64));
        }

        // Flips in elements, times and checksums are no fault of the form; a good part of the rest must be.
        Assert.InRange(refused, count / 3, count - 1);
    }

    [Theory]
    [GoldenInlineData("golden/models/malicious", "good")]
    [InlineData("strided")]
    [InlineData("legacy")]
    public void Every_truncation_is_refused(string form)
    {
        using var folder = new TemporaryFolder();
        var original = Original(form);
        for (var length = 0; length < original.Length; length++)
        {
            Assert.True(IsRefused(folder.Add("t.bin", original[..length]), original), $"cut to {length} bytes");
        }
    }

    [Theory]
    [InlineData("Na", "builds too many values")]
    [InlineData("]a", "builds too many values")]
    [InlineData("X\u0001\0\0\0aa", "builds too many values")]
    [InlineData("](\u0085ta", "takes a value from an empty stack")]
    [InlineData("N\u0094a", "stores a value out of turn")]
    [InlineData("}", "nests or collects too much")]
    [InlineData("(", "the pickle nests too deep")]
    public void A_pickle_that_never_ends_is_stopped(string instructions, string reason)
    {
        using var folder = new TemporaryFolder();
        var pickle = new PickleImage().Op("]").Op(string.Concat(Enumerable.Repeat(instructions, 1_100_000)));
        var path = folder.Add("a.bin", TorchImage.Zip(pickle.Stop()));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<CheckpointException>(() => TorchFile.Open(path));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, new FileInfo(path).Length + AllowedBytes);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pickle_that_is_long_is_stopped_too()
    {
        using var folder = new TemporaryFolder();
        var pickle = new PickleImage().Op("]");
        for (var i = 0; i < 140_000; i++)
        {
            pickle.Raw(0x8a, byte.MaxValue).Raw(new byte[byte.MaxValue]).Op("a");
        }

        var path = folder.Add("a.bin", TorchImage.Zip(pickle.Stop()));
        Assert.Contains("the pickle is too long", Assert.Throws<CheckpointException>(() => TorchFile.Open(path)).Message, StringComparison.Ordinal);
    }

    private static bool IsRefused(string path, byte[] image)
    {
        try
        {
            using var file = TorchFile.Open(path);
            var total = file.Entries.Values.Sum(entry => file.ReadBytes(entry.Name).LongLength);
            Assert.InRange(total, 0, image.Length);
            return false;
        }
        catch (CheckpointException error)
        {
            Assert.All(error.Problems, problem => Assert.StartsWith(path, problem.Where, StringComparison.Ordinal));
            return true;
        }
    }

    private static byte[] Original(string form) => form switch
    {
        "good" => File.ReadAllBytes(Golden.Locate("models/malicious/good.bin")),
        "strided" => TorchImage.Zip(PickleImage.OneTensor(1, [2, 3], [1, 3])),
        _ => TorchImage.Legacy(PickleImage.OneTensor(1, [2, 3], [1, 3]), TorchImage.Keys("0"), TorchImage.Counted(10)),
    };
}
