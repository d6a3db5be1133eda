using Guanxi.Torch;

namespace Guanxi.Transformers.Training.Ranks;

/// <summary>
/// Carries many tensors through few exchanges: they are laid end to end in buckets of one size. A bucket goes out as soon as all in it is
/// ready and the one before it is gone; two are under way at a time.
/// </summary>
/// <remarks>
/// The size is that of torch's DistributedDataParallel. Where a bucket begins follows from the sizes alone, and buckets go in their order
/// whatever is ready first: so all ranks send the same, and sums have the same bits in every run of as many ranks.
/// </remarks>
internal sealed class FlatBuckets : IDisposable
{
    /// <summary>Elements of a bucket.</summary>
    public const int Elements = 25 * 1024 * 1024 / sizeof(float);

    private const int MostUnderWay = 2;

    private readonly Func<int, Tensor> _valuesOf;
    private readonly Func<Tensor, RankExchange> _exchange;
    private readonly List<List<Piece>> _buckets = [];
    private readonly bool[] _isReady;
    private readonly Queue<(Tensor Bucket, List<Piece> Pieces, RankExchange Exchange)> _underWay = new();
    private int _begun;

    /// <summary>Lays tensors out; nothing is sent before they are ready.</summary>
    /// <param name="sizes">Elements of each.</param>
    /// <param name="valuesOf">The values of one, once it is ready: Float32, contiguous, on any device; they are replaced by what comes back.</param>
    /// <param name="exchange">Begins to exchange a bucket, in place.</param>
    public FlatBuckets(IReadOnlyList<long> sizes, Func<int, Tensor> valuesOf, Func<Tensor, RankExchange> exchange)
    {
        (_valuesOf, _exchange, _isReady) = (valuesOf, exchange, new bool[sizes.Count]);
        var free = 0L;
        foreach (var (index, size) in sizes.Index())
        {
            for (var start = 0L; start < size;)
            {
                if (free == 0)
                {
                    _buckets.Add([]);
                    free = Elements;
                }

                var length = Math.Min(size - start, free);
                _buckets[^1].Add(new Piece(index, start, Elements - free, length));
                (start, free) = (start + length, free - length);
            }
        }
    }

    /// <summary>Sends what a tensor completes; waits for nothing.</summary>
    /// <param name="index">The tensor, whose values no longer change.</param>
    /// <exception cref="InvalidOperationException">It was ready before: what was sent then is not what it holds now.</exception>
    /// <exception cref="RankLostException">A rank was lost.</exception>
    public void Ready(int index)
    {
        if (_isReady[index])
        {
            throw new InvalidOperationException($"tensor {index} of an exchange was ready twice");
        }

        _isReady[index] = true;
        while (_underWay.TryPeek(out var first) && first.Exchange.HasEnded)
        {
            End();
        }

        while (_underWay.Count < MostUnderWay && _begun < _buckets.Count && _buckets[_begun].TrueForAll(piece => _isReady[piece.Tensor]))
        {
            Begin();
        }
    }

    /// <summary>Sends all the rest, and returns when everything has come back.</summary>
    /// <exception cref="RankLostException">A rank was lost.</exception>
    public void Finish()
    {
        while (_begun < _buckets.Count)
        {
            if (_underWay.Count == MostUnderWay)
            {
                End();
            }

            Begin();
        }

        while (_underWay.Count > 0)
        {
            End();
        }
    }

    /// <summary>Gives up what is under way.</summary>
    public void Dispose()
    {
        while (_underWay.TryDequeue(out var item))
        {
            item.Exchange.Dispose();
            item.Bucket.Dispose();
        }
    }

    private void Begin()
    {
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var pieces = _buckets[_begun++];
        var bucket = Tensor.Empty([pieces[^1].Place + pieces[^1].Length], DType.Float32, Device.Cpu);
        foreach (var piece in pieces)
        {
            bucket.Narrow(0, piece.Place, piece.Length).CopyInPlace(ValuesOf(piece));
        }

        _underWay.Enqueue((TensorScope.Detach(bucket), pieces, _exchange(bucket)));
    }

    private void End()
    {
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        var (bucket, pieces, exchange) = _underWay.Peek();
        exchange.Wait();
        foreach (var piece in pieces)
        {
            ValuesOf(piece).CopyInPlace(bucket.Narrow(0, piece.Place, piece.Length));
        }

        _underWay.Dequeue();
        exchange.Dispose();
        bucket.Dispose();
    }

    private Tensor ValuesOf(Piece piece)
    {
        var values = _valuesOf(piece.Tensor);
        return values.Detach().View(values.ElementCount).Narrow(0, piece.Start, piece.Length);
    }

    /// <summary>A part of a tensor, from its element Start on, which lies in a bucket from element Place on.</summary>
    private sealed record Piece(int Tensor, long Start, long Place, long Length);
}
