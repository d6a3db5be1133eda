using System.Text;
using Guanxi.Transformers;

namespace Guanxi.Relations.Formats;

/// <summary>Reads files in the encodings that Windows programs save Chinese text in.</summary>
public static class TextDecoding
{
    // GB18030 holds GBK and GB2312, so files in those are read as what they are.
    private static readonly Dictionary<string, string> s_names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["utf-8"] = "utf-8",
        ["gb18030"] = "gb18030",
        ["gbk"] = "gb18030",
        ["gb2312"] = "gb18030",
        ["big5"] = "big5",
        ["utf-16"] = "utf-16",
    };

    static TextDecoding() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    /// <summary>Names that <see cref="Open"/> knows.</summary>
    public static IReadOnlyCollection<string> Names => s_names.Keys;

    /// <summary>Opens a file as UTF-8, whatever it is stored in.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">One of <see cref="Names"/>.</param>
    /// <returns>A stream of UTF-8 that the caller closes.</returns>
    /// <exception cref="OptionsException">The file cannot be read, or holds bytes that are none in that encoding.</exception>
    public static Stream Open(string path, string encoding)
    {
        using var file = TextFile.Open(path);
        using var bytes = new MemoryStream();
        file.CopyTo(bytes);
        var stored = bytes.ToArray();
        var decoder = Encoding.GetEncoding(s_names[encoding], EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
        try
        {
            return new MemoryStream(Encoding.UTF8.GetBytes(decoder.GetString(stored).TrimStart('\uFEFF')));
        }
        catch (DecoderFallbackException fault)
        {
            // The index is that of the first byte of what cannot be decoded; some decoders name the byte after a whole buffer instead.
            var line = 1 + stored.AsSpan(0, Math.Clamp(fault.Index, 0, stored.Length)).Count((byte)'\n');
            throw new OptionsException(new Problem($"{path}:{line}", $"the file is not {encoding} text", encoding,
                $"bytes {Convert.ToHexString(fault.BytesUnknown ?? [])}", "guanxi data check FILE says what it looks like."));
        }
    }
}
