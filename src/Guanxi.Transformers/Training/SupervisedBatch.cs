using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Training;

/// <summary>Rows laid end to end for one forward pass, with the positions whose next token is learnt.</summary>
internal sealed class SupervisedBatch
{
    private readonly TokenBatch _batch;
    private readonly long[] _targets;

    public SupervisedBatch(IReadOnlyList<TokenSequence> rows)
    {
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

    /// <summary>Tokens read.</summary>
    public int TokenCount => _batch.Tokens.Length;

    /// <summary>Tokens learnt.</summary>
    public int SupervisedCount => _targets.Length;

    /// <summary>Sum of the losses of the learnt tokens; the head sees only their positions.</summary>
    public Tensor LossSum(Decoder model, ForwardContext context, double labelSmoothing)
    {
        using var scope = TensorScope.Enter();
        var logits = model.Logits(model.Forward(_batch, context), context); // [M, V]
        var targets = Tensor.From<long>(_targets, _targets.Length).ToDevice(logits.Device);
        return scope.Keep(Functional.CrossEntropySum(logits, targets, labelSmoothing));
    }
}
