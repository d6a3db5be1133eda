using Guanxi.TestKit;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Torch;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints.Torch;

public sealed class TorchFileFuzzTests
{
    private const int Mutations = 500;
    private const long AllowedBytes = 64L << 20;

    [Theory]
    [GoldenInlineData("golden/models/malicious", "good")]
    [InlineData("strided")]
    [InlineData("legacy")]
    public void Five_hundred_mutations_are_read_whole_or_refused(string form)
    {
        using var folder = new TemporaryFolder();
        var original = Original(form);
        var random = new Random(1_950_086);
        var refused = 0;
        for (var i = 0; i < Mutations; i++)
        {
            var image = Mutate(original, random);
            var path = folder.Add("m.bin", image);
            var before = GC.GetAllocatedBytesForCurrentThread();
            refused += IsRefused(path, image) ? 1 : 0;
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, image.Length + (AllowedBytes / 64));
        }

        // Flips in elements, times and checksums are no fault of the form; a good part of the rest must be.
        Assert.InRange(refused, Mutations / 3, Mutations - 1);
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

    private static byte[] Mutate(byte[] original, Random random)
    {
        var image = (byte[])original.Clone();
        switch (random.Next(5))
        {
            case 0:
                for (var flips = random.Next(1, 4); flips > 0; flips--)
                {
                    image[random.Next(image.Length)] ^= (byte)(1 << random.Next(8));
                }

                return image;
            case 1:
                return image[..random.Next(image.Length)];
            case 2:
                var place = random.Next(image.Length);
                return [.. image[..place], .. new byte[random.Next(1, 100)], .. image[place..]];
            case 3:
                random.NextBytes(image.AsSpan(random.Next(image.Length - 8), random.Next(1, 8)));
                return image;
            default:
                // A piece of the file over another: instructions and headers that are sound in themselves.
                var length = random.Next(1, 40);
                image.AsSpan(random.Next(image.Length - length), length).CopyTo(image.AsSpan(random.Next(image.Length - length)));
                return image;
        }
    }
}
