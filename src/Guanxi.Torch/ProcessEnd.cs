using System.Runtime.InteropServices;

namespace Guanxi.Torch;

/// <summary>Ends a process that has loaded libtorch.</summary>
public static partial class ProcessEnd
{
    /// <summary>
    /// Ends the process at once. What is still to be written must have been: neither .NET's handlers run nor the destructors of native libraries,
    /// which pull libtorch's memory from under a thread that still computes; the process then dies of a signal instead of its exit code.
    /// </summary>
    /// <param name="exitCode">0 to 255.</param>
    public static void Now(int exitCode) => LibcExit(exitCode);

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void LibcExit(int exitCode);
}
