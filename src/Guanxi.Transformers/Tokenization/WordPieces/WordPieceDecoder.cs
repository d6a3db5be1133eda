using System.Text;

namespace Guanxi.Transformers.Tokenization.WordPieces;

/// <summary>Puts words together again, with spaces between them.</summary>
/// <remarks>Source: wordpiece.rs (decoder) of huggingface/tokenizers, and clean_up_tokenization of transformers.</remarks>
/// <param name="model">The vocabulary.</param>
internal sealed class WordPieceDecoder(WordPieceModel model)
{
    private static readonly (string Spaced, string Closed)[] s_closings =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
        (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    private readonly HashSet<int> _special = [.. AddedToken.Special(model.Added).Values];

    /// <summary>Decodes ids that are all of this vocabulary.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="keepSpecial">Whether special tokens are spelled out.</param>
    /// <param name="cleanUp">Whether punctuation is closed up in the whole text.</param>
    public string Decode(ReadOnlySpan<int> ids, bool keepSpecial, bool cleanUp)
    {
        var text = new StringBuilder(ids.Length * 3);
        var isFirst = true;
        foreach (var id in ids)
        {
            if (!keepSpecial && _special.Contains(id))
            {
                continue;
            }

            var token = model.Tokens[id] ?? string.Empty;
            if (!isFirst)
            {
                token = token.StartsWith(model.Prefix, StringComparison.Ordinal) ? token[model.Prefix.Length..] : " " + token;
            }

            text.Append(model.CleansPieces ? Close(token) : token);
            isFirst = false;
        }

        return cleanUp ? Close(text.ToString()) : text.ToString();
    }

    private static string Close(string text)
    {
        if (!text.Contains(' ', StringComparison.Ordinal))
        {
            return text;
        }

        foreach (var (spaced, closed) in s_closings)
        {
            text = text.Replace(spaced, closed, StringComparison.Ordinal);
        }

        return text;
    }
}
