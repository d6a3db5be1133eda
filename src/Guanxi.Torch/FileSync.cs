using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Guanxi.Torch;

/// <summary>Makes a folder's entries durable, which .NET has no call for: it refuses to open a folder.</summary>
/// <remarks>It stands in this project because native calls stand in no other.</remarks>
public static partial class FileSync
{
    // open(2): O_RDONLY | O_CLOEXEC on Linux, the same on every processor .NET runs on.
    private const int ReadOnlyCloseOnExec = 0x80000;

    /// <summary>Waits until creations, renames and deletions in a folder have reached the storage device.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <remarks>Outside Linux it does nothing: there a rename is as durable as the file system makes it.</remarks>
    /// <exception cref="IOException">The folder cannot be opened or flushed.</exception>
    public static void FlushFolder(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var descriptor = Open(folder, ReadOnlyCloseOnExec);
        if (descriptor < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            throw new IOException($"cannot open folder '{folder}' to flush it: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.FlushToDisk(handle);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
