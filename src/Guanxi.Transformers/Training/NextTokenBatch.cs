using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Training;

/// <summary>Rows laid end to end for one forward pass, with the positions whose next token is learnt.</summary>
internal sealed class NextTokenBatch : ITrainingBatch
{
    private readonly Decoder _model;
    private readonly NextTokenForm _form;
    private readonly TokenBatch _batch;
    private readonly int[] _places;
    private readonly long[] _targets;

    public NextTokenBatch(Decoder model, IReadOnlyList<TokenSequence> rows, NextTokenForm form)
    {
        (_model, _form) = (model, form);
        TokenCount = rows.Sum(row => row.Tokens.Length);
        var tokens = form.PadsRows ? Padded(rows, model.Config.PadId ?? 0) : [.. rows.Select(row => row.Tokens)];
        var shared = form is { SharesPrefix: true, EmbeddingNoise: 0 } ? TokenSequence.SharedLength(rows) : 0;
        var places = new List<int>();
        var targets = new List<long>();
        var start = shared;
        foreach (var (row, filled) in rows.Zip(tokens))
        {
            for (var i = 1; i < row.Labels.Length; i++)
            {
                if (row.Labels[i] != TokenSequence.Ignored)
                {
                    places.Add(start + i - 1 - shared);
                    targets.Add(row.Labels[i]);
                }
            }

            start += filled.Length - shared;
        }

        (_places, _targets) = ([.. places], [.. targets]);
        _batch = TokenBatch.Of(tokens, shared) with { OutputRows = form.SupervisedOnly ? _places : null };
        ComputedTokenCount = _batch.Tokens.Length;
    }

    /// <inheritdoc/>
    public int TokenCount { get; }

    /// <summary>Tokens that the model computes: what rows share once, what fills them up too.</summary>
    public int ComputedTokenCount { get; }

    /// <inheritdoc/>
    public int TargetCount => _targets.Length;

    /// <inheritdoc/>
    public Tensor LossSum(ForwardContext context)
    {
        using var scope = TensorScope.Enter();
        context = context with { EmbeddingNoise = _form.EmbeddingNoise };
        var logits = _model.Logits(_model.Forward(_batch, context), context); // [M, V]
        if (!_form.SupervisedOnly)
        {
            logits = logits.IndexSelect(0, Tensor.From<long>([.. _places.Select(place => (long)place)], _places.Length).ToDevice(logits.Device));
        }

        return scope.Keep(Functional.CrossEntropySum(logits, Tensor.From<long>(_targets, _targets.Length), _form.LabelSmoothing));
    }

    private static int[][] Padded(IReadOnlyList<TokenSequence> rows, int pad)
    {
        var longest = rows.Max(row => row.Tokens.Length);
        return [.. rows.Select(row => (int[])[.. row.Tokens, .. Enumerable.Repeat(pad, longest - row.Tokens.Length)])];
    }
}
