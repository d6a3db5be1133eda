namespace Guanxi.Transformers.Tokenization.TokenizerFiles;

/// <summary>Turns spelled merges into ids.</summary>
/// <param name="vocabulary">The tokens.</param>
/// <param name="where">File and key, for messages.</param>
/// <param name="problems">Receives what is wrong.</param>
internal sealed class MergeReader(VocabularyBuilder vocabulary, string where, List<Problem> problems)
{
    /// <summary>The merges so far, in their order.</summary>
    public List<(int Left, int Right, int Result)> Merges { get; } = [];

    /// <summary>Reads a merge of the form <c>left right</c>.</summary>
    public void Add(string merge)
    {
        var space = merge.IndexOf(' ');
        if (space <= 0 || space == merge.Length - 1 || merge.IndexOf(' ', space + 1) >= 0)
        {
            Refuse($"'{merge}'");
            return;
        }

        Add(merge[..space], merge[(space + 1)..]);
    }

    /// <summary>Reads a merge.</summary>
    public void Add(string left, string right)
    {
        if (vocabulary.Ids.TryGetValue(left, out var leftId) && vocabulary.Ids.TryGetValue(right, out var rightId)
            && vocabulary.Ids.TryGetValue(left + right, out var result))
        {
            Merges.Add((leftId, rightId, result));
        }
        else
        {
            string[] parts = [left, right, left + right];
            var missing = parts.First(part => !vocabulary.Ids.ContainsKey(part));
            problems.Add(
                new Problem($"{where}, merge {Merges.Count}", "a token of the merge is not in the vocabulary", Found: $"'{missing}'"));
        }
    }

    /// <summary>Notes that an entry is no merge.</summary>
    public void Refuse(string found) =>
        problems.Add(new Problem($"{where}, merge {Merges.Count}", "the entry is no merge", "two tokens", found));
}
