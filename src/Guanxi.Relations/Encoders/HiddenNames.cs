using System.Runtime.InteropServices;
using Guanxi.Torch;
using Guanxi.Transformers.Models;

namespace Guanxi.Relations.Encoders;

/// <summary>Hides names from an encoder that learns labels, so that it learns them from the words around a person rather than from who that is.</summary>
/// <remarks>
/// A few thousand rows have hardly a name twice, and a model can learn every row by its names. Each of a row's two mentions is hidden by
/// itself: every token between its signs becomes [MASK]. Which ones are is a function of seed, step and micro-batch, so every epoch hides others and a resumed run the same.
/// </remarks>
/// <param name="mask">Id of [MASK].</param>
/// <param name="share">Share of the mentions that are hidden, from 0 to below 1.</param>
internal sealed class HiddenNames(int mask, double share)
{
    // Dropout counts its sites from 0, an encoder's from 1 << 20; hidden tokens of pretraining have (1 << 24) + 1.
    private const int Site = (1 << 24) + 2;
    private const int MentionsOfRow = 2;

    // One before a name, one behind it.
    private const int SignsOfMention = 2;

    /// <summary>Hides names of a micro-batch.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="key">The micro-batch's.</param>
    /// <returns>Copies of the rows.</returns>
    public IReadOnlyList<EncodedPair> In(IReadOnlyList<EncodedPair> rows, DropoutKey key)
    {
        using var scope = TensorScope.Enter();
        var words = MemoryMarshal.Cast<int, uint>(Functional.RandomWords(MentionsOfRow * rows.Count, key, Site).ToArray<int>());
        var shown = new EncodedPair[rows.Count];
        for (var i = 0; i < shown.Length; i++)
        {
            var ids = (int[])rows[i].Ids.Clone();
            Hide(ids, rows[i].Spans.First, words[MentionsOfRow * i]);
            Hide(ids, rows[i].Spans.Second, words[(MentionsOfRow * i) + 1]);
            shown[i] = rows[i] with { Ids = ids };
        }

        return shown;
    }

    private void Hide(int[] ids, (int Start, int End) mention, uint word)
    {
        if (word / (1.0 + uint.MaxValue) < share && mention.End - mention.Start > SignsOfMention)
        {
            ids.AsSpan((mention.Start + 1)..(mention.End - 1)).Fill(mask);
        }
    }
}
