namespace Guanxi.Transformers.Hubs;

/// <summary>Shows a download to whoever waits for it; called from several threads at once.</summary>
public interface IDownloadProgress
{
    /// <summary>A remark: a failure that is tried again, a warning.</summary>
    /// <param name="text">One line.</param>
    void Note(string text);

    /// <summary>The listing is known, and the files that are there already.</summary>
    /// <param name="files">Files to bring.</param>
    /// <param name="bytes">Their bytes, without those that an earlier call left.</param>
    void Begin(int files, long bytes);

    /// <summary>Bytes have come.</summary>
    /// <param name="bytes">How many; fewer than none when a file begins anew.</param>
    void Received(long bytes);

    /// <summary>A file is whole and has its name.</summary>
    /// <param name="name">Its path in the repository.</param>
    /// <param name="bytes">Its length.</param>
    void Finished(string name, long bytes);
}
