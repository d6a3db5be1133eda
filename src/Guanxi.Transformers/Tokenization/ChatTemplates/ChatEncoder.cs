namespace Guanxi.Transformers.Tokenization.ChatTemplates;

/// <summary>Encodes a rendered conversation so that control tokens come from its template alone.</summary>
/// <remarks>
/// Before the rendering a mark, a character that no message holds, is put into every special string that a message holds. So those are not
/// found in the rendered text; and between the special strings that are found, text is plain, and the marks are taken out again.
/// </remarks>
internal sealed class ChatEncoder
{
    private const char FirstMark = '\uFDD0';
    private const char LastMark = '\uFDEF';

    private readonly ITokenizer _tokenizer;
    private readonly AddedTokenMatcher _special;
    private readonly string _mark;

    public ChatEncoder(ITokenizer tokenizer, IReadOnlyList<ChatMessage> messages)
    {
        _tokenizer = tokenizer;
        _special = new AddedTokenMatcher(
            [.. tokenizer.SpecialTokens.Select(token => new AddedToken(token.Value, token.Key, IsSpecial: true))]);
        var mark = FirstMark;
        while (mark < LastMark && messages.Any(message => message.Content.Contains(mark) || message.Role.Contains(mark)))
        {
            mark++;
        }

        _mark = mark.ToString();
    }

    /// <summary>Hides the special strings of a message.</summary>
    public string Protect(string text)
    {
        for (var position = 0; _special.TryFind(text, position, parseSpecial: true, out var match); position = match.Start + 1)
        {
            text = text.Insert(match.Start + 1, _mark);
        }

        return text;
    }

    /// <summary>Encodes the rendered text.</summary>
    public int[] Encode(string text)
    {
        var ids = new List<int>(text.Length);
        var position = 0;
        while (_special.TryFind(text, position, parseSpecial: true, out var match))
        {
            AddPlain(text[position..match.Start], ids);
            ids.Add(match.Id);
            position = match.End;
        }

        AddPlain(text[position..], ids);
        return [.. ids];
    }

    private void AddPlain(string text, List<int> ids)
    {
        if (text.Length > 0)
        {
            ids.AddRange(_tokenizer.Encode(text.Replace(_mark, string.Empty, StringComparison.Ordinal)));
        }
    }
}
