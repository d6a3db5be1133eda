using Guanxi.Transformers.Hubs;

namespace Guanxi.Transformers.Tests.Hubs;

/// <summary>A clock on which every wait is over at once; what was waited for is noted, and the clock moves on by it.</summary>
internal sealed class ImmediateTime : TimeProvider
{
    private readonly Lock _lock = new();
    private DateTimeOffset _now = new(2024, 5, 6, 7, 8, 9, TimeSpan.Zero);

    /// <summary>Waits so far.</summary>
    public List<TimeSpan> Waits { get; } = [];

    /// <summary>Whether the patience with a silent hub is over at once, too; the other tests need it to last.</summary>
    public bool IsImpatient { get; set; }

    public override DateTimeOffset GetUtcNow() => _now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime == HubClient.Patience)
        {
            return new Timer(this, IsImpatient ? () => callback(state) : null);
        }

        lock (_lock)
        {
            Waits.Add(dueTime);
            _now += dueTime;
        }

        return new Timer(this, () => callback(state));
    }

    private sealed class Timer : ITimer
    {
        // Long enough for an answer that does come on this machine to come.
        private static readonly TimeSpan s_soon = TimeSpan.FromMilliseconds(300);

        private readonly System.Threading.Timer? _soon;

        public Timer(ImmediateTime owner, Action? callback)
        {
            if (callback is not null)
            {
                _soon = new System.Threading.Timer(
                    _ => callback(), null, owner.IsImpatient ? s_soon : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            }
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose() => _soon?.Dispose();

        public ValueTask DisposeAsync() => _soon?.DisposeAsync() ?? ValueTask.CompletedTask;
    }
}
