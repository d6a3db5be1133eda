namespace Guanxi.Relations;

/// <summary>The beginning of a text that may be of any length, for a message.</summary>
internal static class Excerpt
{
    private const int Longest = 80;

    /// <summary>The text, or its beginning and an ellipsis; a character of two halves is not cut in half.</summary>
    public static string Of(string text)
    {
        if (text.Length <= Longest)
        {
            return text;
        }

        var end = char.IsHighSurrogate(text[Longest - 1]) ? Longest - 1 : Longest;
        return $"{text.AsSpan(0, end)}...";
    }
}
