using System.Buffers.Binary;
using System.Numerics;
using Google.Protobuf;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Training;

/// <summary>Writes scalars to a file that TensorBoard charts.</summary>
/// <remarks>
/// Format: length-delimited records with masked CRC-32C (tensorflow/core/lib/io/record_writer.h), each an Event message
/// (tensorflow/core/util/event.proto). Every call hands its bytes to the operating system, so a killed run keeps its records.
/// </remarks>
public sealed class TensorBoardWriter : IDisposable
{
    private const string FileVersion = "brain.Event:2";
    private const uint MaskDelta = 0xA282EAD8;
    private const int SessionStart = 1;

    private readonly FileStream _file;
    private readonly TimeProvider _time;

    /// <summary>Creates a new event file.</summary>
    /// <param name="folder">Where it goes; made when absent.</param>
    /// <param name="time">Clock for the file name and the records.</param>
    /// <param name="purgeFromStep">For a resumed run: charts drop what earlier files hold from this step on. Null: nothing.</param>
    /// <exception cref="CheckpointException">The file cannot be made.</exception>
    public TensorBoardWriter(string folder, TimeProvider time, long? purgeFromStep = null)
    {
        ArgumentNullException.ThrowIfNull(time);
        _time = time;
        _file = Guarded(folder, () => Create(folder, time.GetUtcNow().ToUnixTimeSeconds()));
        WriteEvent(0, output =>
        {
            output.WriteTag(3, WireFormat.WireType.LengthDelimited);
            output.WriteString(FileVersion);
        });
        if (purgeFromStep is { } step)
        {
            WriteEvent(step, output => WriteMessage(output, 7, log =>
            {
                log.WriteTag(1, WireFormat.WireType.Varint);
                log.WriteEnum(SessionStart);
            }));
        }
    }

    /// <summary>Path of the event file.</summary>
    public string FilePath => _file.Name;

    /// <summary>Adds a point to a chart.</summary>
    /// <param name="tag">Name of the chart, e.g. <c>train/loss</c>.</param>
    /// <param name="step">Optimizer step.</param>
    /// <param name="value">The value, kept in single precision; may be no number.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void WriteScalar(string tag, long step, double value)
    {
        ArgumentException.ThrowIfNullOrEmpty(tag);
        WriteEvent(step, output => WriteMessage(output, 5, summary => WriteMessage(summary, 1, point =>
        {
            point.WriteTag(1, WireFormat.WireType.LengthDelimited);
            point.WriteString(tag);
            point.WriteTag(2, WireFormat.WireType.Fixed32);
            point.WriteFloat((float)value);
        })));
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>CRC-32C, rotated and shifted so that a checksum of data that holds checksums stays sound.</summary>
    /// <param name="data">The bytes.</param>
    /// <returns>The masked checksum.</returns>
    internal static uint MaskedCrc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return unchecked(BitOperations.RotateRight(~crc, 15) + MaskDelta);
    }

    private static FileStream Create(string folder, long second)
    {
        Directory.CreateDirectory(folder);
        for (var n = 0; ; n++)
        {
            var name = $"events.out.tfevents.{second}.{Environment.MachineName}.{Environment.ProcessId}.{n}";
            var path = Path.Combine(folder, name);
            if (!File.Exists(path))
            {
                // No buffer of ours: what was written is the system's, whatever happens to this process.
                return new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            }
        }
    }

    private static T Guarded<T>(string where, Func<T> act) =>
        FileErrors.WrappedWriting(where, "the TensorBoard event file cannot be written", act);

    private static void WriteMessage(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(Message(write)));
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var memory = new MemoryStream();
        using (var output = new CodedOutputStream(memory, leaveOpen: true))
        {
            write(output);
        }

        return memory.ToArray();
    }

    private void WriteEvent(long step, Action<CodedOutputStream> write)
    {
        var payload = Message(output =>
        {
            output.WriteTag(1, WireFormat.WireType.Fixed64);
            output.WriteDouble((_time.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds);
            output.WriteTag(2, WireFormat.WireType.Varint);
            output.WriteInt64(step);
            write(output);
        });

        // Length, its checksum, payload, its checksum; one write, so that no reader sees half a record.
        var record = new byte[sizeof(ulong) + sizeof(uint) + payload.Length + sizeof(uint)];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(sizeof(ulong)), MaskedCrc(record.AsSpan(0, sizeof(ulong))));
        payload.CopyTo(record.AsSpan(sizeof(ulong) + sizeof(uint)));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(record.Length - sizeof(uint)), MaskedCrc(payload));
        Guarded(_file.Name, () =>
        {
            _file.Write(record);
            return true;
        });
    }
}
