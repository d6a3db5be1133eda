using System.Buffers;
using System.Buffers.Binary;
using System.Collections.ObjectModel;
using System.Globalization;
using System.Text;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Writes .safetensors files byte for byte as the Python library does, one tensor in memory at a time.</summary>
/// <remarks>
/// Layout of the reference library (safetensors/src/tensor.rs): metadata first, then the tensors by element type in a fixed
/// order and by the bytes of their names, JSON without spaces, padded with spaces so that the data begins at a multiple of 8.
/// </remarks>
public static class SafetensorsWriter
{
    private const int Alignment = 8;

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The metadata that transformers asks for: <c>format: pt</c>.</summary>
    public static IReadOnlyDictionary<string, string> PyTorchMetadata { get; } =
        new ReadOnlyDictionary<string, string>(new Dictionary<string, string> { ["format"] = "pt" });

    /// <summary>Writes a file; an existing one is replaced only by a complete one (<see cref="AtomicFile"/>).</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="tensors">The tensors, in any order; names must differ.</param>
    /// <param name="metadata">Written in the order given; empty or null: none.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    /// <exception cref="ArgumentException">Two tensors have the same name, or a string is not valid UTF-16.</exception>
    /// <exception cref="InvalidOperationException">A source wrote more or fewer bytes than its shape has.</exception>
    public static void Write(string path, IEnumerable<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata));

    /// <summary>Writes the same bytes to a stream.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="tensors">The tensors, in any order; names must differ.</param>
    /// <param name="metadata">Written in the order given; empty or null: none.</param>
    /// <exception cref="ArgumentException">Two tensors have the same name, or a string is not valid UTF-16.</exception>
    /// <exception cref="InvalidOperationException">A source wrote more or fewer bytes than its shape has.</exception>
    public static void Write(Stream stream, IEnumerable<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(tensors);
        var ordered = InLayoutOrder(tensors);
        stream.Write(MakeHeader(ordered, metadata));
        foreach (var tensor in ordered)
        {
            using var section = new SectionStream(stream, tensor.ByteLength);
            tensor.WriteTo(section);
            if (section.Remaining != 0)
            {
                throw new InvalidOperationException(
                    $"tensor '{tensor.Name}' has {tensor.ByteLength} bytes, but only {tensor.ByteLength - section.Remaining} were written");
            }
        }
    }

    private static TensorSource[] InLayoutOrder(IEnumerable<TensorSource> tensors)
    {
        var keyed = tensors.Select(tensor => (Tensor: tensor, Bytes: s_utf8.GetBytes(tensor.Name))).ToArray();
        Array.Sort(keyed, static (left, right) =>
        {
            var byType = SafetensorsDTypes.LayoutRank(left.Tensor.DType).CompareTo(SafetensorsDTypes.LayoutRank(right.Tensor.DType));
            return byType != 0 ? byType : left.Bytes.AsSpan().SequenceCompareTo(right.Bytes);
        });
        var ordered = Array.ConvertAll(keyed, item => item.Tensor);
        var names = new HashSet<string>(StringComparer.Ordinal);
        var twice = ordered.FirstOrDefault(tensor => !names.Add(tensor.Name));
        return twice is null ? ordered : throw new ArgumentException($"tensor '{twice.Name}' is given twice", nameof(tensors));
    }

    private static ReadOnlySpan<byte> MakeHeader(TensorSource[] ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        var json = new StringBuilder("{");
        if (metadata is { Count: > 0 })
        {
            AppendString(json, SafetensorsHeader.MetadataKey).Append(":{");
            foreach (var (key, value) in metadata)
            {
                AppendString(json, key).Append(':');
                AppendString(json, value).Append(',');
            }

            EndList(json).Append("},");
        }

        long begin = 0;
        foreach (var tensor in ordered)
        {
            var end = checked(begin + tensor.ByteLength);
            var dtype = SafetensorsDTypes.NameOf(tensor.DType);
            AppendString(json, tensor.Name).Append(CultureInfo.InvariantCulture, $":{{\"dtype\":\"{dtype}\",\"shape\":[");
            json.AppendJoin(',', tensor.Shape).Append(CultureInfo.InvariantCulture, $"],\"data_offsets\":[{begin},{end}]}},");
            begin = end;
        }

        return Frame(EndList(json).Append('}'));
    }

    private static ReadOnlySpan<byte> Frame(StringBuilder json)
    {
        var text = s_utf8.GetBytes(json.ToString());
        var padded = (text.Length + Alignment - 1) / Alignment * Alignment;
        if (padded > SafetensorsFile.MaxHeaderBytes)
        {
            throw new ArgumentException($"the header would have {padded} bytes; readers take at most {SafetensorsFile.MaxHeaderBytes}");
        }

        var frame = new ArrayBufferWriter<byte>(sizeof(ulong) + padded);
        BinaryPrimitives.WriteUInt64LittleEndian(frame.GetSpan(sizeof(ulong)), (ulong)padded);
        frame.Advance(sizeof(ulong));
        frame.Write(text);
        var padding = frame.GetSpan(Alignment)[..(padded - text.Length)];
        padding.Fill((byte)' ');
        frame.Advance(padding.Length);
        return frame.WrittenSpan;
    }

    private static StringBuilder EndList(StringBuilder json)
    {
        if (json[^1] == ',')
        {
            json.Length--;
        }

        return json;
    }

    // The escapes of Rust's serde_json, which differ from .NET's: everything but quote, backslash and controls stays as it is.
    private static StringBuilder AppendString(StringBuilder json, string text)
    {
        json.Append('"');
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => json.Append("\\\""),
                '\\' => json.Append("\\\\"),
                '\b' => json.Append("\\b"),
                '\t' => json.Append("\\t"),
                '\n' => json.Append("\\n"),
                '\f' => json.Append("\\f"),
                '\r' => json.Append("\\r"),
                < ' ' => json.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => json.Append(c),
            };
        }

        return json.Append('"');
    }

    /// <summary>Lets one tensor write its own bytes and no more.</summary>
    private sealed class SectionStream(Stream inner, long length) : Stream
    {
        public long Remaining { get; private set; } = length;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (buffer.Length > Remaining)
            {
                throw new InvalidOperationException(
                    $"a tensor wrote more bytes than its shape has: {Remaining} were left, {buffer.Length} came");
            }

            inner.Write(buffer);
            Remaining -= buffer.Length;
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
