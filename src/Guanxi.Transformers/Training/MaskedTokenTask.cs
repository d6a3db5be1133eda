using System.Runtime.InteropServices;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Training;

/// <summary>Guessing hidden tokens of texts: BERT's pretraining (Devlin et al. 2018, arXiv 1810.04805, section 3.1 and A.1).</summary>
/// <remarks>
/// Of the tokens that are no control tokens a share (there 15 %) is guessed; of these 80 % are hidden, 10 % are another token, 10 % stay. Which they
/// are is a function of seed, step, micro-batch and place, so every epoch hides others and a resumed run the same. Neighbours may be guessed
/// together, for most Chinese words have more than one character: spans of one to n tokens, a length the rarer the longer it is, as n-grams are
/// in MacBERT (Cui et al. 2020, arXiv 2004.13922: 40, 30, 20 and 10 % for n = 4), only without a lexicon.
/// </remarks>
public sealed class MaskedTokenTask : ITrainingTask
{
    private const int WordsOfToken = 3;
    private const double HiddenShare = 0.8;
    private const double ReplacedShare = 0.1;

    private readonly Encoder _model;
    private readonly IReadOnlyList<int[]> _rows;
    private readonly MaskingTokens _special;
    private readonly double _guessedShare;
    private readonly double _labelSmoothing;

    /// <summary>Prepares rows to learn from, or to measure.</summary>
    /// <param name="model">An encoder with a masked-language head.</param>
    /// <param name="rows">Ids of every row, control tokens included.</param>
    /// <param name="special">The control tokens, which are never guessed.</param>
    /// <param name="guessedShare">Share of the tokens that are guessed, above 0 and at most 1.</param>
    /// <param name="labelSmoothing">Share of the target spread over all tokens; 0 to measure.</param>
    public MaskedTokenTask(Encoder model, IReadOnlyList<int[]> rows, MaskingTokens special, double guessedShare, double labelSmoothing)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(special);
        (_model, _rows, _special, _guessedShare, _labelSmoothing) = (model, rows, special, guessedShare, labelSmoothing);
    }

    /// <summary>Most neighbours that are guessed together and shown in the same way.</summary>
    /// <value>1.</value>
    public int LongestSpan { get; init; } = 1;

    /// <inheritdoc/>
    public int RowCount => _rows.Count;

    // Spans and the gaps between them take turns; this share of the tokens behind a gap makes the guessed ones as many as they should be.
    private double StartShare => _guessedShare / (_guessedShare + ((1 - _guessedShare) * (LongestSpan + 2) / 3.0));

    /// <inheritdoc/>
    public int LengthOf(int row) => _rows[row].Length;

    /// <inheritdoc/>
    public ITrainingBatch Batch(IReadOnlyList<int> rows, DropoutKey key)
    {
        ArgumentNullException.ThrowIfNull(rows);
        int[][] texts = [.. rows.Select(row => (int[])_rows[row].Clone())];
        var places = new List<int>();
        var targets = new List<long>();
        using var scope = TensorScope.Enter();
        var words = MemoryMarshal.Cast<int, uint>(
            Functional.RandomWords((long)WordsOfToken * texts.Sum(text => text.Length), key, DropoutSites.HiddenTokens).ToArray<int>());
        var place = 0;
        foreach (var text in texts)
        {
            var (left, kind) = (0, 0.0);
            for (var i = 0; i < text.Length; i++, place++)
            {
                var random = words.Slice(WordsOfToken * place, WordsOfToken);
                if (IsControl(text[i]))
                {
                    left = 0;
                    continue;
                }

                if (left == 0 && Share(random[0]) < StartShare)
                {
                    (left, kind) = (SpanOf(Share(random[0]) / StartShare), Share(random[1]));
                }

                if (left > 0)
                {
                    left--;
                    places.Add(place);
                    targets.Add(text[i]);
                    text[i] = Shown(text[i], kind, Share(random[2]));
                }
            }
        }

        return new MaskedTokenBatch(_model, TokenBatch.Of(texts) with { OutputRows = [.. places] }, [.. targets], _labelSmoothing);
    }

    private static double Share(uint word) => word / (1.0 + uint.MaxValue);

    // Lengths 1 to n have the weights n to 1.
    private int SpanOf(double share)
    {
        var (length, weight) = (1, LongestSpan);
        for (var left = share * LongestSpan * (LongestSpan + 1) / 2; left >= weight && weight > 1; length++, weight--)
        {
            left -= weight;
        }

        return length;
    }

    private bool IsControl(int id) => id == _special.Start || id == _special.End || id == _special.Mask;

    private int Shown(int token, double kind, double other) => kind < HiddenShare ? _special.Mask
        : kind < HiddenShare + ReplacedShare ? (int)(other * _model.Config.VocabularySize)
        : token;
}

/// <summary>Rows with hidden tokens.</summary>
internal sealed class MaskedTokenBatch(Encoder model, TokenBatch batch, long[] targets, double labelSmoothing) : ITrainingBatch
{
    /// <summary>Tokens as the model sees them.</summary>
    public TokenBatch Batch => batch;

    /// <summary>The hidden ones.</summary>
    public IReadOnlyList<long> Targets => targets;

    /// <inheritdoc/>
    public int TokenCount => batch.Tokens.Length;

    /// <inheritdoc/>
    public int TargetCount => targets.Length;

    /// <inheritdoc/>
    public Tensor LossSum(ForwardContext context)
    {
        using var scope = TensorScope.Enter();
        var logits = model.TokenLogits(model.HiddenStates(batch, context, null), context); // [M, V]
        return scope.Keep(Functional.CrossEntropySum(logits, Tensor.From<long>(targets, targets.Length), labelSmoothing));
    }
}
