using System.Runtime.ExceptionServices;
using Guanxi.Torch;

namespace Guanxi.Transformers.Training.Ranks;

/// <summary>Sums gradients over the ranks while the backward pass goes on: a bucket is sent as soon as all gradients in it are there.</summary>
/// <remarks>Gradients come roughly from the last parameter to the first, so that is the order of the buckets, as in torch's DistributedDataParallel.</remarks>
internal sealed class GradientSum : IDisposable
{
    private readonly RankGroup _ranks;
    private readonly Tensor[] _parameters;
    private readonly long[] _sizes;
    private readonly List<GradientWatch> _watches = [];
    private FlatBuckets? _buckets;
    private Exception? _fault;

    /// <summary>Watches parameters; a rank alone has nothing to sum, and watches none.</summary>
    /// <param name="parameters">What trains: Float32.</param>
    /// <param name="ranks">The ranks.</param>
    public GradientSum(IReadOnlyList<TrainableParameter> parameters, RankGroup ranks)
    {
        _ranks = ranks;
        _parameters = ranks.WorldSize == 1 ? [] : [.. parameters.Reverse().Select(item => item.Parameter.Value)];
        _sizes = [.. _parameters.Select(parameter => parameter.ElementCount)];
        foreach (var (index, parameter) in _parameters.Index())
        {
            _watches.Add(new GradientWatch(parameter, () => Ready(index)));
        }
    }

    /// <summary>Says that the backward pass that begins now is the step's last: gradients go out as it gives them.</summary>
    public void BeginLast()
    {
        if (_parameters.Length > 0)
        {
            _buckets = _ranks.SumOf(_sizes, GradientOf);
        }
    }

    /// <summary>Sends the rest, after <see cref="BeginLast"/> and its pass; then every gradient is the sum over all ranks.</summary>
    /// <exception cref="RankLostException">A rank was lost.</exception>
    public void Finish()
    {
        if (_parameters.Length == 0)
        {
            return;
        }

        using var scope = TensorScope.Enter();
        try
        {
            if (_fault is not null)
            {
                ExceptionDispatchInfo.Throw(_fault);
            }

            // A parameter may have a gradient here and none there, where all targets were cut off; one that has none anywhere stays without.
            double[] here = [.. _parameters.Select(parameter => parameter.Grad is null ? 0.0 : 1.0)];
            _buckets!.Finish();
            foreach (var (parameter, count) in _parameters.Zip(_ranks.Sum(here)))
            {
                if (count == 0)
                {
                    parameter.Grad = null;
                }
            }
        }
        finally
        {
            Close();
        }
    }

    /// <summary>Ends the watch.</summary>
    public void Dispose()
    {
        Close();
        _watches.ForEach(watch => watch.Dispose());
    }

    private void Close()
    {
        _buckets?.Dispose();
        (_buckets, _fault) = (null, null);
    }

    /// <summary>In the middle of a backward pass, which an exception would not get through: it is kept for the end.</summary>
    private void Ready(int index)
    {
        try
        {
            if (_fault is null)
            {
                _buckets?.Ready(index);
            }
        }
#pragma warning disable CA1031 // Thrown again by Finish.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _fault = error;
        }
    }

    /// <summary>The gradient of a parameter, contiguous, and 0 where there was none.</summary>
    private Tensor GradientOf(int index)
    {
        var parameter = _parameters[index];
        if (parameter.Grad is { } gradient)
        {
            var whole = gradient.Contiguous();
            if (whole != gradient)
            {
                parameter.Grad = whole;
            }

            return whole;
        }

        var zero = Tensor.Zeros(parameter.Shape, parameter.DType, parameter.Device);
        parameter.Grad = zero;
        return zero;
    }
}
