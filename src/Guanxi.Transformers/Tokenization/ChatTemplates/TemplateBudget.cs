using System.Runtime.CompilerServices;

namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>
/// Bounds the walk through one value. A list may hold another one many times over and be nested deeply, so that a small template makes a
/// value whose text would fill the memory.
/// </summary>
internal sealed class TemplateBudget
{
    private const long MostCharacters = 8 << 20;

    private long _spent;

    /// <summary>Counts characters or items.</summary>
    /// <exception cref="TemplateBoundException">They are too many, or nested too deeply.</exception>
    public void Spend(long amount)
    {
        if ((_spent += amount) > MostCharacters || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new TemplateBoundException();
        }
    }
}

/// <summary>A value of a template is too large to be written out or compared.</summary>
internal sealed class TemplateBoundException() : Exception("a value of the chat template is too large or nested too deeply");
