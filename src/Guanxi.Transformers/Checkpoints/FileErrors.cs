using System.Security;

namespace Guanxi.Transformers.Checkpoints;

/// <summary>Turns what the operating system says about a file into errors that name the file.</summary>
internal static class FileErrors
{
    private const int LongestQuote = 100;

    // What Linux calls ENOSPC and EDQUOT; .NET hands them on as they are.
    private const int NoSpace = 28;
    private const int QuotaExceeded = 122;

    /// <summary>Whether an exception comes from the file system and not from a fault of ours.</summary>
    public static bool Is(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or SecurityException or NotSupportedException;

    /// <summary>An error about one file, with what the system said.</summary>
    public static CheckpointException Wrap(string path, string what, Exception inner) =>
        new(Describe(path, what, inner), inner);

    /// <summary>An error in writing one file or folder, with what the system said.</summary>
    public static CheckpointException WrapWriting(string path, string what, Exception inner) =>
        new(Describe(path, what, inner), inner) { IsWriting = true };

    /// <summary>Reads something of a file; what the system says against it becomes an error about that file.</summary>
    public static T Wrapped<T>(string path, string what, Func<T> read) => Guarded(read, error => Wrap(path, what, error));

    /// <summary>Writes something to a file; what the system says against it becomes an error about that file.</summary>
    public static T WrappedWriting<T>(string path, string what, Func<T> write) => Guarded(write, error => WrapWriting(path, what, error));

    /// <summary>As <see cref="WrappedWriting{T}"/>, where nothing comes of it but the content.</summary>
    public static void WrappedWriting(string path, string what, Action write) => WrappedWriting(path, what, () =>
    {
        write();
        return true;
    });

    /// <summary>The same as a <see cref="Problem"/>, for lists.</summary>
    public static Problem Describe(string path, string what, Exception inner) =>
        new(path, what, Found: inner.Message.TrimEnd('.'), Hint:
            inner.HResult is NoSpace or QuotaExceeded ? "Make room, then start again: what was whole before is whole still." : null);

    /// <summary>Text from an untrusted file, made fit for one line of a message.</summary>
    public static string Quote(string text)
    {
        var shown = text.Length <= LongestQuote ? text : text[..LongestQuote] + "...";
        return "'" + string.Create(shown.Length, shown, static (target, source) =>
        {
            for (var i = 0; i < source.Length; i++)
            {
                target[i] = char.IsControl(source[i]) || char.IsSurrogate(source[i]) ? '\uFFFD' : source[i];
            }
        }) + "'";
    }

    private static T Guarded<T>(Func<T> work, Func<Exception, CheckpointException> told)
    {
        try
        {
            return work();
        }
        catch (Exception error) when (Is(error))
        {
            throw told(error);
        }
    }
}
