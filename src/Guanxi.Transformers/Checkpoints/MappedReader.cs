using System.Buffers.Binary;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Reads a part of a mapped file from front to back, through a small buffer; never past the end of the part.</summary>
internal sealed class MappedReader
{
    /// <summary>Most bytes that one call gives: nothing is allocated because a file claims a length.</summary>
    public const int LongestRead = 1 << 16;

    private readonly MappedFile _file;
    private readonly string _part;
    private readonly long _start;
    private readonly long _end;
    private readonly byte[] _chunk;
    private long _chunkEnd;
    private int _filled;
    private int _at;

    /// <summary>Reads one part of a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="part">What the part is called in messages.</param>
    /// <param name="start">First byte, inside the file.</param>
    /// <param name="end">The byte after the last, inside the file.</param>
    public MappedReader(MappedFile file, string part, long start, long end)
    {
        _file = file;
        _part = part;
        _start = start;
        _end = end;
        _chunk = new byte[Math.Min(LongestRead, end - start)];
        _chunkEnd = start;
    }

    /// <summary>Where the next byte lies in the file.</summary>
    public long Position => _chunkEnd - _filled + _at;

    /// <summary>Bytes up to the end of the part.</summary>
    public long Remaining => _end - Position;

    /// <summary>Goes to another place of the part.</summary>
    public void MoveTo(long position)
    {
        var at = position - (_chunkEnd - _filled);
        if (at >= 0 && at <= _filled)
        {
            _at = (int)at;
            return;
        }

        (_chunkEnd, _filled, _at) = (position, 0, 0);
    }

    /// <summary>The next bytes; the span is valid until the next call.</summary>
    /// <exception cref="CheckpointException">The part has fewer, or they are more than <see cref="LongestRead"/>.</exception>
    public ReadOnlySpan<byte> Read(long count)
    {
        if (count < 0 || count > Remaining)
        {
            throw Fault("the data end early", $"{count} more bytes", $"{Remaining}", "The file is damaged or cut off: download it again.");
        }

        if (count > LongestRead)
        {
            throw Fault("a text is too long", $"at most {LongestRead} bytes", $"{count}", null);
        }

        if (count > _filled - _at)
        {
            Fill();
        }

        var bytes = _chunk.AsSpan(_at, (int)count);
        _at += (int)count;
        return bytes;
    }

    public byte ReadByte() => _at < _filled ? _chunk[_at++] : Read(sizeof(byte))[0];

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Read(sizeof(ushort)));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Read(sizeof(uint)));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Read(sizeof(ulong)));

    /// <summary>An error at the present place.</summary>
    public CheckpointException Fault(string what, string? expected, string? found, string? hint) =>
        new(new Problem($"{_file.Path}, {_part}, byte {Position - _start}", what, expected, found, hint));

    /// <summary>An error at the present place that says all in one sentence.</summary>
    public CheckpointException Fault(string what) => Fault(what, null, null, null);

    private void Fill()
    {
        var kept = _filled - _at;
        _chunk.AsSpan(_at, kept).CopyTo(_chunk);
        var fresh = (int)Math.Min(_chunk.Length - kept, _end - _chunkEnd);
        _file.Buffer.ReadSpan((ulong)_chunkEnd, _chunk.AsSpan(kept, fresh));
        (_chunkEnd, _filled, _at) = (_chunkEnd + fresh, kept + fresh, 0);
    }
}
