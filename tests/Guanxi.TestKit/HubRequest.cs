using System.Globalization;
using System.Text;

namespace Guanxi.TestKit;

/// <summary>A request that reached a <see cref="TestHub"/>.</summary>
/// <param name="Path">Its path, unescaped.</param>
/// <param name="Query">What follows the question mark, unescaped.</param>
/// <param name="Headers">Its headers.</param>
public sealed record HubRequest(string Path, IReadOnlyDictionary<string, string> Query, IReadOnlyDictionary<string, string> Headers)
{
    private static readonly string[] s_contentPaths =
        [$"/{TestHub.Repository}/resolve/{TestHub.Commit}/", $"/datasets/{TestHub.Repository}/resolve/{TestHub.Commit}/", "/cdn/"];

    /// <summary>The file whose content is asked for; null for any other request.</summary>
    public string? File => Query.TryGetValue("FilePath", out var file)
        ? file
        : s_contentPaths.Where(prefix => Path.StartsWith(prefix, StringComparison.Ordinal)).Select(prefix => Path[prefix.Length..])
            .FirstOrDefault();

    /// <summary>First byte that is asked for; null for the whole.</summary>
    public long? RangeFrom => Headers.TryGetValue("Range", out var range) && range.StartsWith("bytes=", StringComparison.Ordinal)
        ? long.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture)
        : null;

    /// <summary>The token that was shown; null for none.</summary>
    public string? Token => Headers.TryGetValue("Authorization", out var value) ? value.Split(' ')[^1] : null;

    /// <summary>Reads a request; null when the connection ends before it does, or begins a handshake of TLS.</summary>
    internal static async Task<HubRequest?> ReadAsync(Stream stream)
    {
        var bytes = new List<byte>();
        var one = new byte[1];
        while (bytes.Count < 4 || !bytes[^4..].SequenceEqual("\r\n\r\n"u8.ToArray()))
        {
            if (await stream.ReadAsync(one) == 0 || !(bytes.Count > 0 || char.IsAsciiLetter((char)one[0])))
            {
                return null;
            }

            bytes.Add(one[0]);
        }

        var lines = Encoding.ASCII.GetString([.. bytes]).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        if (lines[0].Split(' ') is not [_, var target, _])
        {
            return null;
        }

        var parts = target.Split('?', 2);
        var query = (parts.Length > 1 ? parts[1] : string.Empty).Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Select(item => item.Split('=', 2));
        return new HubRequest(
            Uri.UnescapeDataString(parts[0]),
            query.ToDictionary(item => item[0], item => Uri.UnescapeDataString(item[1]), StringComparer.Ordinal),
            lines[1..].Select(line => line.Split(": ", 2))
                .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase));
    }
}
