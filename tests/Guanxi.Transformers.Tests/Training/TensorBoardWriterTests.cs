using System.Globalization;
using Guanxi.TestKit;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

public sealed class TensorBoardWriterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("guanxi-tensorboard").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [GoldenFact("golden/tensorboard")]
    public void The_reference_file_reads_as_the_values_it_holds()
    {
        var golden = Golden.Json("tensorboard/case.json").GetProperty("records").EnumerateArray().ToList();
        var events = TensorBoardReader.Read(File.ReadAllBytes(Golden.Locate("tensorboard/events.out.tfevents.1700000000.host.1.0")));
        Assert.Equal(golden.Count, events.Count);
        for (var i = 0; i < golden.Count; i++)
        {
            Assert.Equal(golden[i].GetProperty("crc_of_length").GetUInt32(), events[i].LengthCrc);
            Assert.Equal(golden[i].GetProperty("crc_of_payload").GetUInt32(), events[i].PayloadCrc);
            Assert.Equal(golden[i].GetProperty("wall_time").GetDouble(), events[i].WallTime);
            Assert.Equal(golden[i].GetProperty("step").GetInt64(), events[i].Step);
            var values = golden[i].GetProperty("values").EnumerateArray()
                .Select(value => (Tag: value.GetProperty("tag").GetString()!, Text: value.GetProperty("simple_value").GetString()!))
                .Select(value => (value.Tag, float.Parse(value.Text, CultureInfo.InvariantCulture)));
            Assert.Equal(values, events[i].Values);
        }
    }

    [Fact]
    public void The_checksum_is_that_of_the_published_test_vector()
    {
        // RFC 3720, B.4: CRC-32C of 32 zero bytes is 0x8A9136AA; then the mask of the record format.
        const uint Crc = 0x8A9136AA;
        Assert.Equal(unchecked(((Crc >> 15) | (Crc << 17)) + 0xA282EAD8), TensorBoardWriter.MaskedCrc(new byte[32]));
    }

    [Fact]
    public void Records_are_in_the_file_before_it_is_closed_and_read_back_equal()
    {
        var time = new FixedTime(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_250));
        using var writer = new TensorBoardWriter(Path.Combine(_folder, "runs"), time);
        writer.WriteScalar("train/loss", 1, 2.5);
        writer.WriteScalar("eval/损失", 3_000_000_000, double.NaN);

        var events = TensorBoardReader.Read(ReadOpen(writer.FilePath));
        Assert.Equal(3, events.Count);
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.All(events, record => Assert.Equal(1_700_000_000.25, record.WallTime));
        Assert.Equal((1L, ("train/loss", 2.5f)), (events[1].Step, Assert.Single(events[1].Values)));
        Assert.Equal((3_000_000_000L, ("eval/损失", float.NaN)), (events[2].Step, Assert.Single(events[2].Values)));
    }

    [Fact]
    public void Files_of_one_second_have_different_names()
    {
        var time = new FixedTime(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));
        using var first = new TensorBoardWriter(_folder, time);
        using var second = new TensorBoardWriter(_folder, time, purgeFromStep: 8);
        Assert.StartsWith("events.out.tfevents.1700000000.", Path.GetFileName(first.FilePath), StringComparison.Ordinal);
        Assert.NotEqual(first.FilePath, second.FilePath);

        var start = TensorBoardReader.Read(ReadOpen(second.FilePath))[1];
        Assert.Equal((8L, 1), (start.Step, start.SessionStatus));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_reported()
    {
        var file = Path.Combine(_folder, "taken");
        File.WriteAllText(file, string.Empty);
        var error = Assert.Throws<CheckpointException>(() => new TensorBoardWriter(file, TimeProvider.System));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    private static byte[] ReadOpen(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var content = new byte[file.Length];
        file.ReadExactly(content);
        return content;
    }

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
