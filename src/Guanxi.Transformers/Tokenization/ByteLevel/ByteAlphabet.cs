using System.Text;

namespace Guanxi.Transformers.Tokenization.ByteLevel;

/// <summary>How a byte-level vocabulary spells bytes: printable ones as themselves, the others as characters from U+0100 on.</summary>
/// <remarks>Source: <c>bytes_to_unicode</c> of openai/gpt-2 (src/encoder.py).</remarks>
internal static class ByteAlphabet
{
    private const int FirstSubstitute = 0x100;

    private static readonly char[] s_characters = Build();
    private static readonly short[] s_bytes = Invert();

    /// <summary>The character of a byte.</summary>
    public static char Character(int value) => s_characters[value];

    /// <summary>The bytes that a token of a vocabulary stands for; a token with other characters stands for itself.</summary>
    /// <param name="token">Its spelling.</param>
    public static byte[] Bytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            var value = token[i] < s_bytes.Length ? s_bytes[token[i]] : (short)-1;
            if (value < 0)
            {
                return Encoding.UTF8.GetBytes(token);
            }

            bytes[i] = (byte)value;
        }

        return bytes;
    }

    private static char[] Build()
    {
        var next = FirstSubstitute;
        return [.. Enumerable.Range(0, 256).Select(value =>
            value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF ? (char)value : (char)next++)];
    }

    private static short[] Invert()
    {
        var bytes = new short[s_characters.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (var value = 0; value < s_characters.Length; value++)
        {
            bytes[s_characters[value]] = (short)value;
        }

        return bytes;
    }
}
