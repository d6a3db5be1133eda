using System.Buffers;
using System.Text.Unicode;
using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>One line of a file.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Text">The line without its end; empty when it is not UTF-8.</param>
/// <param name="Problem">Why there is no text; null when there is.</param>
internal readonly record struct TextLine(int Number, string Text, RowProblem? Problem);

/// <summary>Reads UTF-8 lines one by one: with or without BOM, ended by LF or CRLF. No other character ends a line.</summary>
internal sealed class TextLines(Stream stream, string file)
{
    /// <summary>What is said of a file in another encoding.</summary>
    public const string NotUtf8 = "the file is not UTF-8 text";

    private const int FirstBufferBytes = 1 << 16;
    private const int MaxLineBytes = 1 << 26;

    private byte[] _buffer = new byte[FirstBufferBytes];
    private int _start;
    private int _end;
    private bool _ended;
    private bool _sawUtf8;
    private int _number = 1;

    /// <summary>All lines; an empty one after the last line feed does not count.</summary>
    /// <exception cref="OptionsException">The file is in another encoding or cannot be read on.</exception>
    public IEnumerable<TextLine> Read()
    {
        Fill();
        RefuseOtherEncodings();
        for (; TryTake(out var line); _number++)
        {
            yield return Decode(_number, line);
        }
    }

    private void RefuseOtherEncodings()
    {
        var head = _buffer.AsSpan(_start, _end - _start);
        if (EncodingGuess.OfFileStart(head) is { } other)
        {
            throw new OptionsException(new Problem($"{file}:1:1", NotUtf8, "UTF-8", other.Name, other.Hint));
        }

        if (head is [0xEF, 0xBB, 0xBF, ..])
        {
            _start += 3;
        }
    }

    private TextLine Decode(int number, ArraySegment<byte> bytes)
    {
        var characters = ArrayPool<char>.Shared.Rent(bytes.Count + 1);
        try
        {
            var status = Utf8.ToUtf16(bytes, characters, out var read, out var written, replaceInvalidSequences: false);
            if (status == OperationStatus.Done)
            {
                _sawUtf8 |= written < bytes.Count;
                return new TextLine(number, new string(characters, 0, written), null);
            }

            var place = new SourcePlace(file, number, 0);
            if (!_sawUtf8 && EncodingGuess.LooksLikeGb18030(bytes))
            {
                throw new OptionsException(new Problem($"{place}:{written + 1}", NotUtf8, "UTF-8",
                    "what looks like GB18030 (GBK)", "Convert it: guanxi data convert FILE NEW_FILE --encoding gb18030."));
            }

            return new TextLine(number, "", new RowProblem(DataRules.Encoding, place, written + 1, "the line is not UTF-8", null,
                $"byte 0x{bytes[read]:X2} after {written} characters", "Mend or delete the line."));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(characters);
        }
    }

    private bool TryTake(out ArraySegment<byte> line)
    {
        var searched = 0;
        while (true)
        {
            var at = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            if (at >= 0 || _ended)
            {
                var length = at >= 0 ? searched + at : _end - _start;
                var isLine = at >= 0 || length > 0;
                line = new ArraySegment<byte>(_buffer, _start, length);
                _start += length + (at >= 0 ? 1 : 0);
                if (line is [.., (byte)'\r'])
                {
                    line = line[..^1];
                }

                return isLine;
            }

            searched = _end - _start;
            Fill();
        }
    }

    private void Fill()
    {
        if (_start > 0)
        {
            Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
        {
            if (_end >= MaxLineBytes)
            {
                throw new OptionsException(new Problem($"{file}:{_number}:1", "a line is too long to be a row of data",
                    $"less than {MaxLineBytes >> 20} MiB"));
            }

            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }

        try
        {
            var read = stream.Read(_buffer, _end, _buffer.Length - _end);
            _end += read;
            _ended = read == 0;
        }
        catch (IOException fault)
        {
            throw new OptionsException(new Problem(file, $"reading failed ({fault.Message})"));
        }
    }
}
