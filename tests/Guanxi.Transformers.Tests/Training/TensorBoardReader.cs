using System.Buffers.Binary;
using Google.Protobuf;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>A record of a TensorBoard event file.</summary>
internal sealed record TensorBoardEvent(
    double WallTime, long Step, string? FileVersion, int? SessionStatus, IReadOnlyList<(string Tag, float Value)> Values)
{
    public required uint LengthCrc { get; init; }

    public required uint PayloadCrc { get; init; }
}

/// <summary>Reads event files, checking both checksums of every record.</summary>
internal static class TensorBoardReader
{
    public static List<TensorBoardEvent> Read(byte[] file)
    {
        var events = new List<TensorBoardEvent>();
        for (var rest = file.AsSpan(); rest.Length > 0;)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(rest);
            var payload = rest.Slice(12, length).ToArray();
            var lengthCrc = BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]);
            var payloadCrc = BinaryPrimitives.ReadUInt32LittleEndian(rest[(12 + length)..]);
            Assert.Equal(TensorBoardWriter.MaskedCrc(rest[..8]), lengthCrc);
            Assert.Equal(TensorBoardWriter.MaskedCrc(payload), payloadCrc);
            events.Add(Event(new CodedInputStream(payload), lengthCrc, payloadCrc));
            rest = rest[(16 + length)..];
        }

        return events;
    }

    private static TensorBoardEvent Event(CodedInputStream input, uint lengthCrc, uint payloadCrc)
    {
        var (wallTime, step, values) = (0.0, 0L, new List<(string, float)>());
        string? version = null;
        int? status = null;
        Fields(input, field =>
        {
            switch (field)
            {
                case 1:
                    wallTime = input.ReadDouble();
                    return true;
                case 2:
                    step = input.ReadInt64();
                    return true;
                case 3:
                    version = input.ReadString();
                    return true;
                case 5:
                    var summary = input.ReadBytes().CreateCodedInput();
                    Fields(summary, inner => inner == 1 && Value(summary.ReadBytes().CreateCodedInput(), values));
                    return true;
                case 7:
                    var log = input.ReadBytes().CreateCodedInput();
                    Fields(log, inner => inner == 1 && (status = log.ReadEnum()) is not null);
                    return true;
                default:
                    return false;
            }
        });
        return new TensorBoardEvent(wallTime, step, version, status, values) { LengthCrc = lengthCrc, PayloadCrc = payloadCrc };
    }

    private static bool Value(CodedInputStream input, List<(string Tag, float Value)> values)
    {
        var (tag, value) = (string.Empty, 0f);
        Fields(input, field =>
        {
            switch (field)
            {
                case 1:
                    tag = input.ReadString();
                    return true;
                case 2:
                    value = input.ReadFloat();
                    return true;
                default:
                    return false;
            }
        });
        values.Add((tag, value));
        return true;
    }

    private static void Fields(CodedInputStream input, Func<int, bool> read)
    {
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            if (!read(WireFormat.GetTagFieldNumber(tag)))
            {
                input.SkipLastField();
            }
        }
    }
}
