using System.Runtime.InteropServices;

namespace Guanxi.Torch;

/// <summary>Gives pages of a mapped file back: what was read once and copied need not stay in the memory of the process.</summary>
/// <remarks>It stands in this project because native calls stand in no other.</remarks>
public static partial class MappedPages
{
    // madvise(2): MADV_DONTNEED. Of a mapping of a file that nobody writes to, the pages are read again when they are touched again.
    private const int DoNotNeed = 4;

    /// <summary>Gives back the pages that lie wholly in a range. Outside Linux it does nothing.</summary>
    /// <param name="buffer">A read-only mapping of a file.</param>
    /// <param name="byteOffset">Where the range begins.</param>
    /// <param name="byteLength">Its bytes.</param>
    public static unsafe void Release(SafeBuffer buffer, long byteOffset, long byteLength)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        byte* start = null;
        buffer.AcquirePointer(ref start);
        try
        {
            var page = Environment.SystemPageSize;
            var from = ((nint)start + (nint)byteOffset + page - 1) / page * page;
            var to = ((nint)start + (nint)(byteOffset + byteLength)) / page * page;
            if (to > from)
            {
                // Advice: what the system makes of it changes no result.
                _ = Advise(from, to - from, DoNotNeed);
            }
        }
        finally
        {
            buffer.ReleasePointer();
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nint length, int advice);
}
