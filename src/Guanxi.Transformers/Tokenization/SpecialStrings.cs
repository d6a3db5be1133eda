using System.Buffers;

namespace Guanxi.Transformers.Tokenization;

/// <summary>Finds the strings of special tokens in a text: the leftmost, of those that begin there the longest.</summary>
internal sealed class SpecialStrings
{
    private readonly SearchValues<string> _any;
    private readonly int[] _lengths;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;

    /// <summary>Prepares the search.</summary>
    /// <param name="ids">Id of every special string; none is empty.</param>
    public SpecialStrings(IReadOnlyDictionary<string, int> ids)
    {
        _any = SearchValues.Create([.. ids.Keys], StringComparison.Ordinal);
        _lengths = [.. ids.Keys.Select(text => text.Length).Distinct().OrderDescending()];
        _ids = new Dictionary<string, int>(ids, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Finds the first special string.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Where it begins.</param>
    /// <param name="length">Its UTF-16 units.</param>
    /// <param name="id">Its id.</param>
    /// <returns>False when there is none.</returns>
    public bool TryFind(ReadOnlySpan<char> text, out int start, out int length, out int id)
    {
        start = text.IndexOfAny(_any);
        if (start >= 0)
        {
            foreach (var candidate in _lengths)
            {
                if (start + candidate <= text.Length && _ids.TryGetValue(text.Slice(start, candidate), out id))
                {
                    length = candidate;
                    return true;
                }
            }
        }

        (length, id) = (0, -1);
        return false;
    }
}
