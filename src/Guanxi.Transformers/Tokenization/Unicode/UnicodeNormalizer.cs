using System.Collections.Concurrent;
using System.Text;

namespace Guanxi.Transformers.Tokenization.Unicode;

/// <summary>Unicode's normal forms: canonical or compatible, composed or not.</summary>
/// <remarks>
/// Source: Unicode Standard Annex 15. Places follow huggingface/tokenizers, which counts: every character of the new text takes the next
/// place of the old one, or the last place again where a decomposition added it, and passes over as many more as were composed into it.
/// Marks that change their order so keep their places.
/// </remarks>
internal sealed class UnicodeNormalizer
{
    private const int CodePoints = 0x110000;

    private static readonly ConcurrentDictionary<NormalizationForm, UnicodeNormalizer> s_forms = new();

    private readonly bool _composes;
    private readonly Dictionary<int, int[]> _full = [];
    private readonly ulong[] _attention = new ulong[CodePoints / 64];

    private UnicodeNormalizer(NormalizationForm form)
    {
        _composes = form is NormalizationForm.FormC or NormalizationForm.FormKC;
        var isCompatible = form is NormalizationForm.FormKC or NormalizationForm.FormKD;
        var data = UnicodeData.Instance;
        foreach (var (rune, (_, isCanonical)) in data.Decompositions)
        {
            if (isCanonical || isCompatible)
            {
                _full.Add(rune, [.. Decompose(rune, isCompatible)]);
            }
        }

        foreach (var rune in _full.Keys)
        {
            if (!_composes || !IsWhole(rune))
            {
                Mark(rune);
            }
        }

        foreach (var rune in data.Marks.Concat(_composes ? data.Joiners : Enumerable.Range(Hangul.FirstSyllable, Hangul.Syllables)))
        {
            Mark(rune);
        }

        if (_composes)
        {
            Enumerable.Range(Hangul.FirstVowel, Hangul.Vowels).ToList().ForEach(Mark);
            Enumerable.Range(Hangul.FinalBase + 1, Hangul.Finals - 1).ToList().ForEach(Mark);
        }
    }

    /// <summary>The normalizer of a form, made once.</summary>
    /// <param name="form">C, D, KC or KD.</param>
    public static UnicodeNormalizer Of(NormalizationForm form) => s_forms.GetOrAdd(form, wanted => new UnicodeNormalizer(wanted));

    /// <summary>Brings a text into the form.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The new text, or null when the text has the form already.</returns>
    public AlignedText? Apply(ReadOnlySpan<char> text)
    {
        if (!NeedsWork(text))
        {
            return null;
        }

        var items = new List<Item>(text.Length + 16);
        var ends = new List<int>(text.Length);
        for (var at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf16(text[at..], out var rune, out var length);
            if (Hangul.IsSyllable(rune.Value))
            {
                Add(items, Hangul.Decompose(rune.Value));
            }
            else
            {
                Add(items, _full.GetValueOrDefault(rune.Value) ?? [rune.Value]);
            }

            at += length;
            ends.Add(at);
        }

        Order(items);
        return ToText(_composes ? Compose(items) : items, ends);
    }

    private bool NeedsWork(ReadOnlySpan<char> text)
    {
        for (var at = 0; at < text.Length; at++)
        {
            int rune = text[at];
            if (char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]))
            {
                rune = char.ConvertToUtf32(text[at], text[++at]);
            }

            if ((_attention[rune >> 6] >> (rune & 63) & 1) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private void Mark(int rune) => _attention[rune >> 6] |= 1UL << (rune & 63);

    /// <summary>Whether a character that has parts comes back when they are composed.</summary>
    private bool IsWhole(int rune)
    {
        var items = new List<Item>();
        Add(items, _full[rune]);
        Order(items);
        return Compose(items) is [var only] && only.Rune == rune;
    }

    private static IEnumerable<int> Decompose(int rune, bool isCompatible)
    {
        if (!UnicodeData.Instance.Decompositions.TryGetValue(rune, out var entry) || !(entry.IsCanonical || isCompatible))
        {
            return [rune];
        }

        return entry.Parts.SelectMany(part => Decompose(part, isCompatible));
    }

    private static void Add(List<Item> items, int[] runes)
    {
        for (var i = 0; i < runes.Length; i++)
        {
            items.Add(new Item(runes[i], UnicodeData.Instance.Class(runes[i]), Added: i == 0 ? 0 : 1));
        }
    }

    /// <summary>Sorts every run of marks by class; equal ones stay as they are.</summary>
    private static void Order(List<Item> items)
    {
        for (var start = 0; start < items.Count; start++)
        {
            if (items[start].Class == 0)
            {
                continue;
            }

            var end = start;
            var isOrdered = true;
            while (end < items.Count && items[end].Class != 0)
            {
                isOrdered &= end == start || items[end - 1].Class <= items[end].Class;
                end++;
            }

            if (!isOrdered)
            {
                var run = items.GetRange(start, end - start).OrderBy(item => item.Class).ToList();
                for (var i = 0; i < run.Count; i++)
                {
                    items[start + i] = run[i];
                }
            }

            start = end;
        }
    }

    private static List<Item> Compose(List<Item> items)
    {
        var result = new List<Item>(items.Count);
        var starter = -1;
        foreach (var item in items)
        {
            var isFree = starter >= 0 && (starter == result.Count - 1 || (result[^1].Class != 0 && result[^1].Class < item.Class));
            var composed = isFree ? UnicodeData.Instance.Compose(result[starter].Rune, item.Rune) : -1;
            if (composed >= 0)
            {
                result[starter] = result[starter] with { Rune = composed, Added = result[starter].Added + item.Added - 1 };
                continue;
            }

            starter = item.Class == 0 ? result.Count : starter;
            result.Add(item);
        }

        return result;
    }

    private static AlignedText ToText(List<Item> items, List<int> sourceEnds)
    {
        var text = new StringBuilder(items.Count);
        var (starts, ends) = (new List<int>(items.Count), new List<int>(items.Count));
        Span<char> units = stackalloc char[2];
        var next = 0;
        foreach (var item in items)
        {
            var place = item.Added > 0 ? next - 1 : next;
            next += item.Added > 0 ? 0 : 1 - item.Added;
            var count = new Rune(item.Rune).EncodeToUtf16(units);
            text.Append(units[..count]);
            for (var i = 0; i < count; i++)
            {
                starts.Add(place > 0 ? sourceEnds[place - 1] : 0);
                ends.Add(place >= 0 ? sourceEnds[place] : 0);
            }
        }

        return new AlignedText(text.ToString(), [.. starts], [.. ends]);
    }

    /// <summary>A character; <c>Added</c> is 1 where a decomposition added it and below 0 where others were composed into it.</summary>
    private readonly record struct Item(int Rune, byte Class, int Added);
}
