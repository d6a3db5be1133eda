using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Guanxi.Transformers.Hubs;

/// <summary>What a hub says the content of a file is.</summary>
/// <param name="Hex">The digest, lower-case hexadecimal.</param>
internal sealed record ContentHash(string Hex)
{
    private const string LargeFilePrefix = "sha256:";

    /// <summary>Whether it is the name of a git blob, as small files have it, and not the SHA-256 of the content.</summary>
    private bool IsGitBlob => Hex.Length == 2 * SHA1.HashSizeInBytes;

    /// <summary>Name of the algorithm, for messages.</summary>
    public string Algorithm => IsGitBlob ? "git blob" : "sha256";

    /// <summary>Reads a digest by its length; mirrors give other identifiers too, which say nothing about the content.</summary>
    /// <returns>The hash, or null.</returns>
    public static ContentHash? TryParse(string? text)
    {
        var hex = (text ?? string.Empty).Trim().Trim('"').ToLowerInvariant();
        hex = hex.StartsWith(LargeFilePrefix, StringComparison.Ordinal) ? hex[LargeFilePrefix.Length..] : hex;
        return hex.Length is 2 * SHA1.HashSizeInBytes or 2 * SHA256.HashSizeInBytes && hex.All(char.IsAsciiHexDigitLower)
            ? new ContentHash(hex)
            : null;
    }

    /// <summary>Begins to hash a content.</summary>
    /// <param name="bytes">Its whole length, which a git blob begins with.</param>
    /// <returns>Append the content, then compare with <see cref="Is"/>; owned by the caller.</returns>
    [SuppressMessage("Security", "CA5350", Justification = "git names its blobs so; against damage in transit it serves")]
    public IncrementalHash Begin(long bytes)
    {
        if (!IsGitBlob)
        {
            return IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        }

        var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {bytes}\0")));
        return hash;
    }

    /// <summary>Whether what was appended is the content.</summary>
    public bool Is(IncrementalHash appended) => Convert.ToHexStringLower(appended.GetCurrentHash()) == Hex;
}
