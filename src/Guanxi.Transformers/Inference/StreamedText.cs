using Guanxi.Transformers.Tokenization;

namespace Guanxi.Transformers.Inference;

/// <summary>Turns ids into text as they come: what was given out is never taken back.</summary>
/// <remarks>
/// A character may be made of several tokens, and a space belong to the next word, so the last ids are decoded together with those
/// before; their text is held back while it ends in a broken character.
/// </remarks>
public sealed class StreamedText
{
    private const char Broken = '\uFFFD';

    private readonly ITokenizer _tokenizer;
    private readonly List<int> _ids = [];

    // Ids from here on are decoded; those up to the second have been given out.
    private int _window;
    private int _given;

    /// <summary>Begins a text.</summary>
    /// <param name="tokenizer">The tokenizer of the ids.</param>
    public StreamedText(ITokenizer tokenizer) => _tokenizer = tokenizer;

    /// <summary>Takes the next id.</summary>
    /// <param name="id">The id; one that the tokenizer does not have stands for no text.</param>
    /// <returns>The text that is new and certain; may be empty.</returns>
    public string Add(int id)
    {
        if ((uint)id >= (uint)_tokenizer.VocabularySize)
        {
            return string.Empty;
        }

        _ids.Add(id);
        var all = Decode(_ids.Count);
        return all.EndsWith(Broken) ? string.Empty : Give(all);
    }

    /// <summary>Ends the text.</summary>
    /// <returns>What was held back; its broken characters are U+FFFD.</returns>
    public string Finish() => Give(Decode(_ids.Count));

    private string Give(string all)
    {
        var before = Decode(_given);
        if (all.Length <= before.Length)
        {
            return string.Empty;
        }

        (_window, _given) = (_given, _ids.Count);
        return all[before.Length..];
    }

    private string Decode(int end) => _tokenizer.Decode(_ids.Slice(_window, end - _window).ToArray());
}
