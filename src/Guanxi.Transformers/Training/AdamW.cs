using Guanxi.Torch;

namespace Guanxi.Transformers.Training;

/// <summary>AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) over Float32 parameters, in the order of operations of torch.optim.AdamW.</summary>
public sealed class AdamW : IDisposable
{
    private readonly IReadOnlyList<TrainableParameter> _parameters;
    private readonly TrainingOptions _options;
    private readonly (Tensor First, Tensor Second)[] _moments;

    /// <summary>Begins with moments of zero.</summary>
    /// <param name="parameters">What to update; Float32.</param>
    /// <param name="options">Betas, epsilon, weight decay.</param>
    public AdamW(IReadOnlyList<TrainableParameter> parameters, TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(options);
        _parameters = parameters;
        _options = options;
        _moments = new (Tensor, Tensor)[parameters.Count];
        for (var i = 0; i < _moments.Length; i++)
        {
            var like = parameters[i].Parameter.Value;
            _moments[i] = (Zeros(like), Zeros(like));
        }
    }

    /// <summary>Updates done.</summary>
    public int Steps { get; private set; }

    /// <summary>Norm over all gradients.</summary>
    /// <returns>The square root of the sum of their squares; 0 when there is none.</returns>
    public double GradientNorm()
    {
        using var scope = TensorScope.Enter();
        double sum = 0;
        foreach (var parameter in _parameters)
        {
            if (parameter.Parameter.Value.Grad is { } gradient)
            {
                sum += Functional.SquaredSum(gradient);
            }
        }

        return Math.Sqrt(sum);
    }

    /// <summary>Updates every parameter that has a gradient.</summary>
    /// <param name="learningRate">Rate of this step.</param>
    /// <param name="gradientScale">Factor on every gradient: the clipping.</param>
    public void Step(double learningRate, double gradientScale)
    {
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        Steps++;
        for (var i = 0; i < _moments.Length; i++)
        {
            var (parameter, decay) = (_parameters[i].Parameter.Value, _parameters[i].Decays ? _options.WeightDecay : 0);
            if (parameter.Grad is not { } gradient)
            {
                continue;
            }

            var settings = new AdamWSettings(learningRate, _options.Beta1, _options.Beta2, _options.Epsilon, decay, Steps, gradientScale);
            Functional.AdamWUpdate(parameter, gradient, _moments[i].First, _moments[i].Second, settings);
        }
    }

    /// <summary>Drops all gradients.</summary>
    public void ClearGradients()
    {
        foreach (var parameter in _parameters)
        {
            parameter.Parameter.Value.Grad = null;
        }
    }

    /// <summary>The moments by name, to be saved.</summary>
    /// <returns>Names ending in <c>.exp_avg</c> and <c>.exp_avg_sq</c>; the tensors stay this object's.</returns>
    public IEnumerable<(string Name, Tensor Value)> State()
    {
        for (var i = 0; i < _moments.Length; i++)
        {
            yield return ($"{_parameters[i].Name}.exp_avg", _moments[i].First);
            yield return ($"{_parameters[i].Name}.exp_avg_sq", _moments[i].Second);
        }
    }

    /// <summary>Puts the number of updates back; the moments are copied into what <see cref="State"/> gives.</summary>
    /// <param name="steps">Updates done.</param>
    public void Resume(int steps) => Steps = steps;

    /// <summary>Releases the moments.</summary>
    public void Dispose()
    {
        foreach (var (first, second) in _moments)
        {
            first.Dispose();
            second.Dispose();
        }
    }

    private static Tensor Zeros(Tensor like) => TensorScope.Detach(Tensor.Zeros(like.Shape, DType.Float32, like.Device));
}
