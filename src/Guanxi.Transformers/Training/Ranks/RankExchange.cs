using Guanxi.Torch;

namespace Guanxi.Transformers.Training.Ranks;

/// <summary>An exchange under way between the ranks: whether it has ended can be asked, and its end be waited for.</summary>
/// <param name="pending">The exchange.</param>
/// <param name="wait">Waits for what ends the exchange, or for the word that a rank is lost.</param>
internal sealed class RankExchange(PendingExchange pending, Action<Task> wait) : IDisposable
{
    private readonly Task _ended = Task.Run(pending.Wait);

    /// <summary>Whether a wait would return at once.</summary>
    public bool HasEnded => _ended.IsCompleted;

    /// <summary>Waits for the end.</summary>
    /// <exception cref="RankLostException">A rank was lost, or the exchange took too long.</exception>
    public void Wait() => wait(_ended);

    /// <summary>Gives the exchange up, ended or not.</summary>
    public void Dispose() => pending.Dispose();
}
