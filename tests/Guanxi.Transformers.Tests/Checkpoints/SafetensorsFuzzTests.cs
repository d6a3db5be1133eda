using System.Text;
using Guanxi.TestKit;
using Guanxi.Transformers.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints;

public sealed class SafetensorsFuzzTests
{
    private const long AllowedBytes = 64L << 20;

    private static readonly string[] s_nasty =
    [
        "-1", "0", "1e9", "4294967296", "9223372036854775807", "18446744073709551615", "99999999999999999999", "null", "\"0\"", "[]", "{}",
        "\"\\ud800\"",
    ];

    [Fact]
    public void Mutations_are_read_whole_or_refused()
    {
        using var folder = new TemporaryFolder();
        var original = Original();
        var random = new Random(20_230_503);
        var (refused, count) = (0, LongTests.Count(1_000, 10_000));
        for (var i = 0; i < count; i++)
        {
            var image = Mutate(original, random);
            var path = folder.Add("m.safetensors", image);
            var before = GC.GetAllocatedBytesForCurrentThread();
            refused += IsRefused(path, image) ? 1 : 0;
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, image.Length + AllowedBytes);
        }

        // A flip in the data is no fault of the format; a good part of the rest must be.
        Assert.InRange(refused, count / 2, count - 1);
    }

    [Fact]
    public void A_file_of_122_bytes_that_asks_for_8_gibibytes_is_refused()
    {
        using var folder = new TemporaryFolder();
        var image = SafetensorsFileTests.Image(
            """{"a":{"dtype":"F32","shape":[2147483648],"data_offsets":[0,8589934592]},"b":{"dtype":"F32","shape":[0],"x":12345}}""", 0);
        Assert.Equal(122, image.Length);
        var path = folder.Add("a.safetensors", image);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.True(IsRefused(path, image));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1L << 20);
    }

    [Fact]
    public void Every_truncation_of_a_small_file_is_refused()
    {
        using var folder = new TemporaryFolder();
        var original = Original();
        for (var length = 0; length < original.Length; length++)
        {
            var image = original[..length];
            Assert.True(IsRefused(folder.Add("t.safetensors", image), image), $"cut to {length} bytes");
        }
    }

    private static bool IsRefused(string path, byte[] image)
    {
        try
        {
            using var file = SafetensorsFile.Open(path);
            var total = file.Entries.Values.Sum(entry => file.ReadBytes(entry.Name).LongLength);
            Assert.Equal(image.Length - 8L - BitConverter.ToInt64(image), total);
            return false;
        }
        catch (CheckpointException error)
        {
            Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
            return true;
        }
    }

    private static byte[] Original() => SafetensorsFileTests.Image(
        """
        {"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
        "b":{"dtype":"I64","shape":[1],"data_offsets":[24,32]},"c":{"dtype":"BOOL","shape":[],"data_offsets":[32,33]}}
        """,
        33);

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
                return [.. image, .. new byte[random.Next(1, 100)]];
            case 3:
                BitConverter.GetBytes(random.NextInt64() >> random.Next(63)).CopyTo(image, 0);
                return image;
            default:
                return Rewrite(image, random);
        }
    }

    private static byte[] Rewrite(byte[] image, Random random)
    {
        var headerLength = (int)BitConverter.ToInt64(image);
        var header = Encoding.UTF8.GetString(image, 8, headerLength);
        var start = random.Next(1, header.Length);
        while (!char.IsAsciiDigit(header[start]) && random.Next(20) != 0)
        {
            start = random.Next(1, header.Length);
        }

        var end = start + 1;
        while (end < header.Length && char.IsAsciiDigit(header[end]))
        {
            end++;
        }

        var changed = Encoding.UTF8.GetBytes(header[..start] + s_nasty[random.Next(s_nasty.Length)] + header[end..]);
        return [.. BitConverter.GetBytes((long)changed.Length), .. changed, .. image[(8 + headerLength)..]];
    }
}
