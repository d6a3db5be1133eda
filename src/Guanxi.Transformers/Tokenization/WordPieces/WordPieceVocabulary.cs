namespace Guanxi.Transformers.Tokenization.WordPieces;

/// <summary>The words of a vocabulary, and the longest of them that begin a text.</summary>
internal sealed class WordPieceVocabulary
{
    private readonly CharTrie _trie = new();
    private readonly int _continuation;
    private readonly int[] _single = new int[char.MaxValue + 1];
    private readonly int _longestWord;

    /// <summary>Makes the tables.</summary>
    /// <param name="model">A model that was checked.</param>
    public WordPieceVocabulary(WordPieceModel model)
    {
        UnknownId = model.UnknownId;
        _longestWord = model.LongestWord;
        _continuation = _trie.AddRoot();
        Array.Fill(_single, UnknownId);
        for (var id = 0; id < model.Tokens.Count; id++)
        {
            if (model.Tokens[id] is not { } text)
            {
                continue;
            }

            _trie.Add(CharTrie.Root, text, id);
            if (text.Length > model.Prefix.Length && text.StartsWith(model.Prefix, StringComparison.Ordinal))
            {
                _trie.Add(_continuation, text.AsSpan(model.Prefix.Length), id);
            }

            if (text.Length == 1 && _longestWord > 0)
            {
                _single[text[0]] = id;
            }
        }

        _trie.Seal();
    }

    /// <summary>Id of what is no word.</summary>
    public int UnknownId { get; }

    /// <summary>Id of a word of one UTF-16 unit.</summary>
    public int Single(char unit) => _single[unit];

    /// <summary>Cuts a word.</summary>
    /// <param name="word">The word.</param>
    /// <param name="length">Its characters, of which <paramref name="word"/> may hold only the first when they are too many.</param>
    /// <param name="ids">Receives the ids.</param>
    /// <param name="ends">Receives the end of each in <paramref name="word"/>.</param>
    /// <returns>Number of ids; 0 when the word cannot be said.</returns>
    public int Cut(ReadOnlySpan<char> word, int length, Span<int> ids, Span<int> ends)
    {
        if (length > _longestWord)
        {
            return 0;
        }

        var count = 0;
        for (var start = 0; start < word.Length; start = ends[count++])
        {
            var (node, best) = (start == 0 ? CharTrie.Root : _continuation, CharTrie.None);
            for (var at = start; at < word.Length; at++)
            {
                node = _trie.Step(node, word[at]);
                if (node == CharTrie.None)
                {
                    break;
                }

                if (_trie.WordAt(node) is not CharTrie.None and var id)
                {
                    (best, ends[count]) = (id, at + 1);
                }
            }

            if (best == CharTrie.None)
            {
                return 0;
            }

            ids[count] = best;
        }

        return count;
    }
}
