using Guanxi.Torch;

namespace Guanxi.Transformers.Training;

/// <summary>What an optimizer makes of a gradient.</summary>
public enum OptimizerKind
{
    /// <summary>AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) in the order of operations of torch.optim.AdamW.</summary>
    AdamW,

    /// <summary>AdamW whose moments lie in 8 bits (Dettmers et al. 2022, arXiv 2110.02861): a quarter of the memory.</summary>
    AdamW8Bit,

    /// <summary>Plain gradient descent, as torch.optim.SGD without momentum: no memory.</summary>
    Sgd,
}

/// <summary>Updates Float32 parameters from their gradients.</summary>
public sealed class Optimizer : IDisposable
{
    /// <summary>Elements below which moments stay in Float32 whatever was asked for.</summary>
    /// <remarks>bitsandbytes' <c>min_8bit_size</c>.</remarks>
    public const int LeastEightBitElements = 4096;

    private readonly (TrainableParameter Trained, ParameterUpdate Update)[] _parameters;
    private readonly TrainingOptions _options;

    /// <summary>Begins with moments of zero.</summary>
    /// <param name="parameters">What to update; Float32.</param>
    /// <param name="options">Kind, betas, epsilon, weight decay.</param>
    public Optimizer(IReadOnlyList<TrainableParameter> parameters, TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _parameters = [.. parameters.Select(parameter => (parameter, UpdateOf(parameter.Parameter.Value)))];
    }

    /// <summary>Updates done.</summary>
    public int Steps { get; private set; }

    /// <summary>Norm over all gradients.</summary>
    /// <returns>The square root of the sum of their squares; 0 when there is none.</returns>
    public double GradientNorm()
    {
        using var scope = TensorScope.Enter();
        double sum = 0;
        foreach (var (trained, _) in _parameters)
        {
            if (trained.Parameter.Value.Grad is { } gradient)
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
        foreach (var (trained, update) in _parameters)
        {
            var (parameter, decay) = (trained.Parameter.Value, trained.Decays ? _options.WeightDecay : 0);
            if (parameter.Grad is { } gradient)
            {
                update.Apply(parameter, gradient, new AdamWSettings(
                    learningRate * trained.RateFactor, _options.Beta1, _options.Beta2, _options.Epsilon, decay, Steps, gradientScale));
            }
        }
    }

    /// <summary>Drops all gradients.</summary>
    public void ClearGradients()
    {
        foreach (var (trained, _) in _parameters)
        {
            trained.Parameter.Value.Grad = null;
        }
    }

    /// <summary>The moments by name, to be saved.</summary>
    /// <returns>Names that begin with the parameter's, e.g. <c>NAME.exp_avg</c>; the tensors stay this object's.</returns>
    public IEnumerable<(string Name, Tensor Value)> State() =>
        States().SelectMany(item => item.State.Select(state => ($"{item.Name}.{state.Name}", state.Value)));

    internal IEnumerable<OptimizerState> States() => _parameters.Select(
        item => new OptimizerState(item.Trained.Name, item.Trained.Decays, [.. item.Update.State()]));

    /// <summary>Puts the number of updates back; the moments are copied into what <see cref="State"/> gives.</summary>
    /// <param name="steps">Updates done.</param>
    public void Resume(int steps) => Steps = steps;

    /// <summary>Releases the moments.</summary>
    public void Dispose()
    {
        foreach (var (_, update) in _parameters)
        {
            update.Dispose();
        }
    }

    private ParameterUpdate UpdateOf(Tensor parameter) => _options.Optimizer switch
    {
        OptimizerKind.Sgd => new SgdUpdate(),
        OptimizerKind.AdamW8Bit when parameter.ElementCount >= LeastEightBitElements => new AdamW8BitUpdate(parameter),
        _ => new AdamWUpdate(parameter),
    };
}

/// <summary>What is remembered of one parameter.</summary>
/// <param name="Name">Name of the parameter.</param>
/// <param name="Decays">Whether weight decay applies to it.</param>
/// <param name="State">Names and tensors.</param>
internal sealed record OptimizerState(string Name, bool Decays, IReadOnlyList<(string Name, Tensor Value)> State);
