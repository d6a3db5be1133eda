using System.Runtime.InteropServices;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Training;

/// <summary>Guessing hidden tokens of texts: BERT's pretraining (Devlin et al. 2018, arXiv 1810.04805, section 3.1 and A.1).</summary>
/// <remarks>
/// Of the tokens that are no control tokens a share (there 15 %) is guessed; of these 80 % are hidden, 10 % are another token, 10 % stay. Which they
/// are is a function of seed, step, micro-batch and place, so every epoch hides others and a resumed run the same.
/// </remarks>
public sealed class MaskedTokenTask : ITrainingTask
{
    // Dropout counts its sites from 0, and an encoder's from 1 << 20.
    private const int Site = (1 << 24) + 1;
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

    /// <inheritdoc/>
    public int RowCount => _rows.Count;

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
            Functional.RandomWords((long)WordsOfToken * texts.Sum(text => text.Length), key, Site).ToArray<int>());
        var place = 0;
        foreach (var text in texts)
        {
            for (var i = 0; i < text.Length; i++, place++)
            {
                var random = words.Slice(WordsOfToken * place, WordsOfToken);
                if (!IsControl(text[i]) && Share(random[0]) < _guessedShare)
                {
                    places.Add(place);
                    targets.Add(text[i]);
                    text[i] = Shown(text[i], Share(random[1]), Share(random[2]));
                }
            }
        }

        return new MaskedTokenBatch(_model, TokenBatch.Of(texts) with { OutputRows = [.. places] }, [.. targets], _labelSmoothing);
    }

    private static double Share(uint word) => word / (1.0 + uint.MaxValue);

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
        return scope.Keep(Functional.CrossEntropySum(logits, Tensor.From<long>(targets, targets.Length).ToDevice(logits.Device), labelSmoothing));
    }
}
