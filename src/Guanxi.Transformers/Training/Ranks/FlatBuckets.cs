using Guanxi.Torch;

namespace Guanxi.Transformers.Training.Ranks;

/// <summary>Carries many tensors through few exchanges: they are laid end to end in buckets of one size, two of them under way at a time.</summary>
/// <remarks>
/// The size is that of torch's DistributedDataParallel. Where a bucket begins follows from the shapes alone, so sums have the same bits in
/// every run of as many processes.
/// </remarks>
internal sealed class FlatBuckets
{
    /// <summary>Elements of a bucket.</summary>
    public const int Elements = 25 * 1024 * 1024 / sizeof(float);

    private const int UnderWay = 2;

    private readonly Func<Tensor, PendingExchange> _exchange;
    private readonly Action<PendingExchange> _wait;
    private readonly Queue<(Tensor Bucket, List<Piece> Pieces, PendingExchange Pending)> _pending = new();

    public FlatBuckets(Func<Tensor, PendingExchange> exchange, Action<PendingExchange> wait) => (_exchange, _wait) = (exchange, wait);

    /// <summary>Exchanges Float32 tensors in place.</summary>
    /// <param name="tensors">Contiguous; on any device.</param>
    public void Run(IEnumerable<Tensor> tensors)
    {
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var (pieces, used) = (new List<Piece>(), 0L);
        foreach (var tensor in tensors)
        {
            var flat = tensor.Detach().View(tensor.ElementCount);
            for (var start = 0L; start < tensor.ElementCount;)
            {
                var length = Math.Min(tensor.ElementCount - start, Elements - used);
                pieces.Add(new Piece(flat.Narrow(0, start, length), used, length));
                (start, used) = (start + length, used + length);
                if (used == Elements)
                {
                    Begin(pieces, used);
                    (pieces, used) = ([], 0);
                }
            }
        }

        if (used > 0)
        {
            Begin(pieces, used);
        }

        while (_pending.Count > 0)
        {
            End();
        }
    }

    private void Begin(List<Piece> pieces, long used)
    {
        if (_pending.Count == UnderWay)
        {
            End();
        }

        var bucket = Tensor.Empty([used], DType.Float32, Device.Cpu);
        foreach (var piece in pieces)
        {
            bucket.Narrow(0, piece.Start, piece.Length).CopyInPlace(piece.Values);
        }

        _pending.Enqueue((bucket, pieces, _exchange(bucket)));
    }

    private void End()
    {
        var (bucket, pieces, pending) = _pending.Dequeue();
        _wait(pending);
        foreach (var piece in pieces)
        {
            piece.Values.CopyInPlace(bucket.Narrow(0, piece.Start, piece.Length));
        }

        bucket.Dispose();
    }

    private sealed record Piece(Tensor Values, long Start, long Length);
}
