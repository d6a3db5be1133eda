using Guanxi.Transformers.Tokenization;

namespace Guanxi.Transformers.Models;

/// <summary>
/// The tokenizer of a model, or what is wrong with it: whoever gives ids needs none, and whoever gives text learns then why there is none.
/// </summary>
internal sealed class LoadedTokenizer
{
    private readonly CheckpointException? _error;

    /// <summary>Tries to load it.</summary>
    public LoadedTokenizer(Func<ITokenizer> load)
    {
        try
        {
            Value = load();
        }
        catch (CheckpointException error)
        {
            // Kept for the first call that needs it.
            _error = error;
        }
    }

    /// <summary>The tokenizer, or null.</summary>
    public ITokenizer? Value { get; }

    /// <summary>The tokenizer, for calls that give text.</summary>
    /// <exception cref="CheckpointException">There is none, or it cannot be read.</exception>
    public ITokenizer Require() => Value ?? throw new CheckpointException(_error!.Problems, _error);
}
