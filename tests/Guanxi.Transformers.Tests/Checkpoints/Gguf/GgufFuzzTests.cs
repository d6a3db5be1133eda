using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints.Gguf;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints.Gguf;

public sealed class GgufFuzzTests
{
    private const long AllowedBytes = 64L << 20;

    [Fact]
    public void Mutations_are_read_whole_or_refused()
    {
        using var leaks = new LeakCheck();
        using var folder = new TemporaryFolder();
        var original = GgufImage.Sound();
        var random = new Random(20_240_517);
        var (refused, count) = (0, LongTests.Count(1_000, 10_000));
        for (var i = 0; i < count; i++)
        {
            var image = Mutation.Of(original, random);
            var path = folder.Add("m.gguf", image);
            var before = GC.GetAllocatedBytesForCurrentThread();
            refused += IsRefused(path, image) ? 1 : 0;
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, image.Length + AllowedBytes);
        }

        // A flip in a name, a value or the data is no fault of the format; a good part of the rest must be.
        Assert.InRange(refused, count / 4, count - 1);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        using var folder = new TemporaryFolder();
        var original = GgufImage.Sound();
        for (var length = 0; length < original.Length; length++)
        {
            Assert.True(IsRefused(folder.Add("t.gguf", original[..length]), original), $"cut to {length} bytes");
        }
    }

    private static bool IsRefused(string path, byte[] image)
    {
        try
        {
            using var scope = TensorScope.Enter();
            using var file = GgufFile.Open(path);
            Assert.All(file.Tensors.Values, info => Assert.InRange(info.Offset + info.ByteLength, 0, image.Length));
            foreach (var entry in file.Entries.Values)
            {
                Assert.Equal(entry.ElementCount, file.ToTensor(entry).ElementCount);
            }

            return false;
        }
        catch (CheckpointException error)
        {
            Assert.All(error.Problems, problem => Assert.StartsWith(path, problem.Where, StringComparison.Ordinal));
            return true;
        }
    }
}
