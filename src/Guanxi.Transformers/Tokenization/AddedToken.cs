namespace Guanxi.Transformers.Tokenization;

/// <summary>A token that a model folder names beside the vocabulary of its tokenizer file; it is cut out of a text whole.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">Its spelling.</param>
/// <param name="IsSpecial">True for a control token; false for one that is found in any text.</param>
internal readonly record struct AddedToken(int Id, string Text, bool IsSpecial)
{
    /// <summary>Ids of those that are control tokens, by their spelling.</summary>
    public static Dictionary<string, int> Special(IEnumerable<AddedToken> tokens) =>
        tokens.Where(token => token.IsSpecial).ToDictionary(token => token.Text, token => token.Id, StringComparer.Ordinal);

    /// <summary>Whether white space before it belongs to it.</summary>
    public bool StripsLeft { get; init; }

    /// <summary>Whether white space behind it belongs to it.</summary>
    public bool StripsRight { get; init; }

    /// <summary>Whether it is found only where no letter, digit or underscore is beside it.</summary>
    public bool IsWord { get; init; }

    /// <summary>Whether it is looked for after normalisation instead of before.</summary>
    public bool IsNormalized { get; init; }
}
