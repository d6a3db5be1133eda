using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Tests.Checkpoints;

/// <summary>The real file system, except that one of its calls fails.</summary>
/// <param name="failAt">Which call fails, from 1; writes to a stream count as calls.</param>
/// <param name="fault">Makes the error.</param>
/// <param name="forever">Whether all calls after it fail too.</param>
internal sealed class FaultyFileSystem(int failAt, Func<Exception> fault, bool forever) : IFileSystem
{
    private int _calls;

    public bool Failed { get; private set; }

    public Stream Create(string path)
    {
        Count();
        return new FaultyStream(this, RealFileSystem.Instance.Create(path));
    }

    public Stream Open(string path)
    {
        Count();
        return new FaultyStream(this, RealFileSystem.Instance.Open(path));
    }

    public void Flush(Stream stream)
    {
        stream.Flush();
        Count();
        RealFileSystem.Instance.Flush(((FaultyStream)stream).Inner);
    }

    public void FlushFile(string path) => Run(() => RealFileSystem.Instance.FlushFile(path));

    public void FlushFolder(string path) => Run(() => RealFileSystem.Instance.FlushFolder(path));

    public void MoveFile(string from, string to) => Run(() => RealFileSystem.Instance.MoveFile(from, to));

    public void MoveFolder(string from, string to) => Run(() => RealFileSystem.Instance.MoveFolder(from, to));

    public void CreateFolder(string path) => Run(() => RealFileSystem.Instance.CreateFolder(path));

    public void DeleteFile(string path) => Run(() => RealFileSystem.Instance.DeleteFile(path));

    public void DeleteFolder(string path) => Run(() => RealFileSystem.Instance.DeleteFolder(path));

    private void Run(Action call)
    {
        Count();
        call();
    }

    private void Count()
    {
        _calls++;
        if (_calls == failAt || (forever && _calls > failAt))
        {
            Failed = true;
            throw fault();
        }
    }

    private sealed class FaultyStream(FaultyFileSystem owner, Stream inner) : Stream
    {
        public Stream Inner => inner;

        public override bool CanRead => inner.CanRead;

        public override bool CanSeek => inner.CanSeek;

        public override bool CanWrite => true;

        public override long Length => inner.Length;

        public override long Position
        {
            get => inner.Position;
            set => inner.Position = value;
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            try
            {
                owner.Count();
            }
            catch (Exception)
            {
                // A disk that fills up has taken a part.
                inner.Write(buffer[..(buffer.Length / 2)]);
                throw;
            }

            inner.Write(buffer);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

        public override void SetLength(long value) => inner.SetLength(value);

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}

/// <summary>The errors that a storage device or its owner gives.</summary>
internal static class Faults
{
    public static Exception NoSpace() => new IOException("No space left on device");

    public static Exception Device() => new IOException("Input/output error");

    public static Exception Denied() => new UnauthorizedAccessException("Permission denied");
}
