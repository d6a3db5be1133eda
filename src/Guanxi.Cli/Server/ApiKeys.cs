using System.Security.Cryptography;
using System.Text;
using Guanxi.Transformers;
using Microsoft.AspNetCore.Http;

namespace Guanxi.Cli.Server;

/// <summary>Keys of which a request must have one.</summary>
internal sealed class ApiKeys
{
    private const string Header = "X-API-Key";
    private const string Scheme = "Bearer ";
    private const int ShortestKey = 16;

    private readonly byte[][] _hashes;

    private ApiKeys(byte[][] hashes) => _hashes = hashes;

    /// <summary>Reads keys, one a line; empty lines and those that begin with # are left out.</summary>
    /// <param name="path">The file; null asks for no key.</param>
    /// <returns>The keys, or null.</returns>
    /// <exception cref="OptionsException">There is no key in it, or one that can be guessed.</exception>
    public static ApiKeys? Read(string? path)
    {
        if (path is null)
        {
            return null;
        }

        string[] keys = [.. Lines(path).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')];
        return keys.Length == 0 || keys.Any(key => key.Length < ShortestKey)
            ? throw new OptionsException(new Problem("--api_key_file", "no keys to be trusted", $"a key a line, each of at least {ShortestKey} characters", $"'{path}'"))
            : new ApiKeys([.. keys.Select(Hash)]);
    }

    /// <summary>Whether a request has a key.</summary>
    public bool Admit(HttpRequest request)
    {
        var authorization = request.Headers.Authorization.ToString();
        var key = authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? authorization[Scheme.Length..].Trim() : request.Headers[Header].ToString();
        var hash = Hash(key);
        var isKnown = false;
        foreach (var known in _hashes)
        {
            // All are compared, and each in the same time, so that the time tells nothing.
            isKnown |= CryptographicOperations.FixedTimeEquals(known, hash);
        }

        return isKnown;
    }

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException(new Problem("--api_key_file", "the file cannot be read", "a file with a key a line", $"'{path}' ({error.Message})"));
        }
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
