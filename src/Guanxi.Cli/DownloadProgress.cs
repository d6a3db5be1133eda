using Guanxi.Transformers.Hubs;

namespace Guanxi.Cli;

/// <summary>Shows a download on standard error: a line for every file, and on a terminal how far all of it is.</summary>
/// <param name="status">Where to.</param>
/// <param name="time">The clock that the speed is measured with.</param>
internal sealed class DownloadProgress(StatusLine status, TimeProvider time) : IDownloadProgress
{
    private static readonly TimeSpan s_between = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(10);

    private readonly Lock _lock = new();
    private long _start;
    private long _shown;
    private (int Done, int All) _files;
    private (long Done, long All) _bytes;
    private bool _hasEnded;

    /// <inheritdoc/>
    public void Note(string text)
    {
        lock (_lock)
        {
            Say(text);
        }
    }

    /// <inheritdoc/>
    public void Begin(int files, long bytes)
    {
        lock (_lock)
        {
            _start = time.GetTimestamp();
            (_files.All, _bytes.All) = (files, bytes);
            if (files > 0)
            {
                Say($"files to download: {files}, {Bytes.Show(bytes)}");
            }
        }
    }

    /// <inheritdoc/>
    public void Received(long bytes)
    {
        lock (_lock)
        {
            _bytes.Done += bytes;
            if (!_hasEnded && time.GetElapsedTime(_shown) >= s_between)
            {
                _shown = time.GetTimestamp();
                status.Show(Line());
            }
        }
    }

    /// <inheritdoc/>
    public void Finished(string name, long bytes)
    {
        lock (_lock)
        {
            _files.Done++;
            Say($"{_files.Done}/{_files.All}  {name}  {Bytes.Show(bytes)}");
        }
    }

    /// <summary>Says nothing more: threads that are still stopping must not write over what comes next.</summary>
    public void End()
    {
        lock (_lock)
        {
            _hasEnded = true;
        }
    }

    private void Say(string text)
    {
        if (!_hasEnded)
        {
            status.Say(text);
        }
    }

    private string Line()
    {
        var speed = _bytes.Done / Math.Max(time.GetElapsedTime(_start).TotalSeconds, double.Epsilon);
        var seconds = (_bytes.All - _bytes.Done) / Math.Max(speed, 1);
        var left = TimeSpan.FromSeconds(Math.Clamp(seconds, 0, s_longest.TotalSeconds));
        var done = $"{_files.Done}/{_files.All} files  {Bytes.Show(Math.Max(_bytes.Done, 0))} of {Bytes.Show(_bytes.All)}";
        return $"{done}  {Bytes.Show((long)Math.Max(speed, 0))}/s  {Durations.Show(left)} left";
    }
}
