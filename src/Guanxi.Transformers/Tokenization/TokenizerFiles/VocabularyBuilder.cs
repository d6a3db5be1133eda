using System.Security.Cryptography;

namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>Collects the tokens of a vocabulary and of those added to it, and finds what does not fit together.</summary>
/// <param name="problems">Receives what is wrong.</param>
internal sealed class VocabularyBuilder(List<Problem> problems)
{
    // Larger than any vocabulary there is; without a bound one number in a damaged file could take all memory.
    private const int MostIds = 1 << 21;

    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly List<string?> _tokens = [];
    private readonly SortedDictionary<int, AddedToken> _added = [];

    /// <summary>Ids of the tokens of the vocabulary itself.</summary>
    public Dictionary<string, int> Ids => _ids;

    /// <summary>All tokens by id.</summary>
    public IReadOnlyList<string?> Tokens => _tokens;

    /// <summary>The added tokens.</summary>
    public IReadOnlyList<AddedToken> Added => [.. _added.Values];

    /// <summary>A fingerprint of files.</summary>
    public static string Fingerprint(params ReadOnlySpan<byte[]> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in files)
        {
            hash.AppendData(file);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Enters a token of the vocabulary.</summary>
    /// <param name="where">File and place, for messages.</param>
    /// <param name="text">Its spelling.</param>
    /// <param name="id">Its id.</param>
    public void Add(string where, string text, int id)
    {
        if (text.Length == 0)
        {
            problems.Add(new Problem(where, "the token is empty", Found: $"id {id}"));
        }
        else if (!_ids.TryAdd(text, id))
        {
            problems.Add(new Problem(where, "the token occurs twice", Found: $"'{text}'"));
        }
        else
        {
            Place(where, text, id);
        }
    }

    /// <summary>Enters an added token, which may repeat one of the vocabulary.</summary>
    /// <param name="where">File and key, for messages.</param>
    /// <param name="token">The token.</param>
    public void Add(string where, AddedToken token)
    {
        if (token.Text.Length == 0)
        {
            problems.Add(new Problem(where, "the added token is empty", Found: $"id {token.Id}"));
            return;
        }

        if (_added.TryGetValue(token.Id, out var known) && known.Text == token.Text)
        {
            return;
        }

        if (Find(token.Text) is { } other && other != token.Id)
        {
            problems.Add(new Problem(where, $"the added token '{token.Text}' has another id already", $"{other}", $"{token.Id}"));
            return;
        }

        if (Place(where, token.Text, token.Id))
        {
            _added[token.Id] = token;
        }
    }

    /// <summary>Looks a token up, among the added ones too.</summary>
    public int? Find(string text)
    {
        if (_ids.TryGetValue(text, out var id))
        {
            return id;
        }

        foreach (var token in _added.Values)
        {
            if (token.Text == text)
            {
                return token.Id;
            }
        }

        return null;
    }

    /// <summary>Looks a token up that must be there when it is named.</summary>
    /// <param name="where">File and key, for messages.</param>
    /// <param name="text">Its spelling, or null when none is named.</param>
    public int? Require(string where, string? text)
    {
        var id = text is null ? null : Find(text);
        if (text is not null && id is null)
        {
            problems.Add(new Problem(where, "the token is not in the vocabulary", Found: $"'{text}'"));
        }

        return id;
    }

    private bool Place(string where, string text, int id)
    {
        if (id is < 0 or >= MostIds)
        {
            problems.Add(new Problem(where, $"the id of '{text}' cannot be", $"0 to {MostIds - 1}", $"{id}"));
            return false;
        }

        while (_tokens.Count <= id)
        {
            _tokens.Add(null);
        }

        if (_tokens[id] is { } other && other != text)
        {
            problems.Add(new Problem(where, $"id {id} has two spellings", Found: $"'{other}' and '{text}'"));
            return false;
        }

        _tokens[id] = text;
        return true;
    }
}
