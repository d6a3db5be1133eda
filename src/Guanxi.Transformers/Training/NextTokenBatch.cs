using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Training;

/// <summary>Rows laid end to end for one forward pass, with the positions whose next token is learnt.</summary>
internal sealed class NextTokenBatch : ITrainingBatch
{
    private readonly Decoder _model;
    private readonly double _labelSmoothing;
    private readonly double _embeddingNoise;
    private readonly TokenBatch _batch;
    private readonly long[] _targets;

    public NextTokenBatch(Decoder model, IReadOnlyList<TokenSequence> rows, double labelSmoothing, double embeddingNoise)
    {
        (_model, _labelSmoothing, _embeddingNoise) = (model, labelSmoothing, embeddingNoise);
        var plain = TokenBatch.Of([.. rows.Select(row => row.Tokens)]);
        var places = new List<int>();
        var targets = new List<long>();
        var start = 0;
        foreach (var row in rows)
        {
            for (var i = 1; i < row.Labels.Length; i++)
            {
                if (row.Labels[i] != TokenSequence.Ignored)
                {
                    places.Add(start + i - 1);
                    targets.Add(row.Labels[i]);
                }
            }

            start += row.Tokens.Length;
        }

        _batch = plain with { OutputRows = [.. places] };
        _targets = [.. targets];
    }

    /// <inheritdoc/>
    public int TokenCount => _batch.Tokens.Length;

    /// <inheritdoc/>
    public int TargetCount => _targets.Length;

    /// <inheritdoc/>
    /// <remarks>The head sees only the positions whose next token is learnt.</remarks>
    public Tensor LossSum(ForwardContext context)
    {
        using var scope = TensorScope.Enter();
        context = context with { EmbeddingNoise = _embeddingNoise };
        var logits = _model.Logits(_model.Forward(_batch, context), context); // [M, V]
        var targets = Tensor.From<long>(_targets, _targets.Length).ToDevice(logits.Device);
        return scope.Keep(Functional.CrossEntropySum(logits, targets, _labelSmoothing));
    }
}
