using Guanxi.Torch;
using Guanxi.Transformers.Training.Ranks;

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
/// <remarks>
/// Where several processes train, each remembers and updates a share of the parameters, and sends what became of them to the others: stage 1
/// of ZeRO (Rajbhandari et al. 2020, arXiv 1910.02054). Gradients are whole and equal everywhere before.
/// </remarks>
public sealed class Optimizer : IDisposable
{
    /// <summary>Elements below which moments stay in Float32 whatever was asked for.</summary>
    /// <remarks>bitsandbytes' <c>min_8bit_size</c>.</remarks>
    public const int LeastEightBitElements = 4096;

    private readonly OptimizedParameter[] _parameters;
    private readonly TrainingOptions _options;
    private readonly RankGroup _ranks;

    /// <summary>Begins with moments of zero, for this process's share of the parameters.</summary>
    /// <param name="parameters">What to update; Float32.</param>
    /// <param name="options">Kind, betas, epsilon, weight decay.</param>
    /// <param name="ranks">The processes that share the work.</param>
    public Optimizer(IReadOnlyList<TrainableParameter> parameters, TrainingOptions options, RankGroup ranks)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(ranks);
        (_options, _ranks) = (options, ranks);
        var owners = Shares([.. parameters.Select(parameter => parameter.Parameter.Value.ElementCount)], ranks.WorldSize);
        _parameters = [.. parameters.Select((parameter, i) => Begin(parameter, owners[i]))];
    }

    /// <summary>Updates done.</summary>
    public int Steps { get; private set; }

    /// <summary>Norm over all gradients.</summary>
    /// <returns>The square root of the sum of their squares; 0 when there is none.</returns>
    public double GradientNorm()
    {
        using var scope = TensorScope.Enter();
        double sum = 0;
        foreach (var item in Owned())
        {
            if (item.Trained.Parameter.Value.Grad is { } gradient)
            {
                sum += Functional.SquaredSum(gradient);
            }
        }

        return Math.Sqrt(_ranks.Sum(sum)[0]);
    }

    /// <summary>Updates every parameter that has a gradient.</summary>
    /// <param name="learningRate">Rate of this step.</param>
    /// <param name="gradientScale">Factor on every gradient: the clipping.</param>
    public void Step(double learningRate, double gradientScale)
    {
        using var mode = Autograd.NoGrad();
        using var scope = TensorScope.Enter();
        Steps++;
        foreach (var (trained, _, update, _) in Owned())
        {
            var (parameter, decay) = (trained.Parameter.Value, trained.Decays ? _options.WeightDecay : 0);
            if (parameter.Grad is { } gradient)
            {
                update!.Apply(parameter, gradient, new AdamWSettings(
                    learningRate * trained.RateFactor, _options.Beta1, _options.Beta2, _options.Epsilon, decay, Steps, gradientScale));
            }
        }

        for (var owner = 0; owner < _ranks.WorldSize; owner++)
        {
            _ranks.CopyInPlace(_parameters.Where(item => item.Owner == owner).Select(item => item.Trained.Parameter.Value), owner);
        }
    }

    /// <summary>Drops all gradients.</summary>
    public void ClearGradients()
    {
        foreach (var item in _parameters)
        {
            item.Trained.Parameter.Value.Grad = null;
        }
    }

    /// <summary>The moments by name.</summary>
    /// <returns>Names that begin with the parameter's, e.g. <c>NAME.exp_avg</c>; the tensors stay this object's. Only this process's share.</returns>
    public IEnumerable<(string Name, Tensor Value)> State() =>
        States().SelectMany(item => item.State.Select(state => ($"{item.Name}.{state.Name}", state.Value)));

    /// <summary>Puts the number of updates back; the moments are copied into what <see cref="State"/> gives.</summary>
    /// <param name="steps">Updates done.</param>
    public void Resume(int steps) => Steps = steps;

    /// <summary>Releases the moments.</summary>
    public void Dispose()
    {
        foreach (var item in Owned())
        {
            item.Update!.Dispose();
        }
    }

    internal IEnumerable<OptimizerState> States() => Owned().Select(
        item => new OptimizerState(item.Trained.Name, item.Trained.Decays, [.. item.Update!.State()]));

    /// <summary>All moments, those of other processes too.</summary>
    internal IEnumerable<SharedState> SharedStates() => _parameters.SelectMany(item =>
    {
        var own = item.Update?.State().ToArray();
        return item.Moments.Select((moment, i) => moment with { Owner = item.Owner, Value = own?[i].Value });
    });

    /// <summary>Deals parameters out, the largest first, each to whom has the fewest elements.</summary>
    /// <param name="sizes">Elements of each parameter.</param>
    /// <param name="worldSize">Number of processes.</param>
    /// <returns>The owner of each.</returns>
    internal static int[] Shares(long[] sizes, int worldSize)
    {
        var (owners, loads) = (new int[sizes.Length], new long[worldSize]);
        foreach (var i in Enumerable.Range(0, sizes.Length).OrderByDescending(i => sizes[i]))
        {
            owners[i] = Array.IndexOf(loads, loads.Min());
            loads[owners[i]] += sizes[i];
        }

        return owners;
    }

    private IEnumerable<OptimizedParameter> Owned() => _parameters.Where(item => item.Update is not null);

    private OptimizedParameter Begin(TrainableParameter trained, int owner)
    {
        var update = UpdateOf(trained.Parameter.Value);
        SharedState[] moments =
            [.. update.State().Select(state => new SharedState($"{trained.Name}.{state.Name}", state.Value.DType, state.Value.Shape.ToArray(), owner, null))];
        if (owner == _ranks.Rank)
        {
            return new OptimizedParameter(trained, owner, update, moments);
        }

        // Only type and shape were asked for.
        update.Dispose();
        return new OptimizedParameter(trained, owner, null, moments);
    }

    private ParameterUpdate UpdateOf(Tensor parameter) => _options.Optimizer switch
    {
        OptimizerKind.Sgd => new SgdUpdate(),
        OptimizerKind.AdamW8Bit when parameter.ElementCount >= LeastEightBitElements => new AdamW8BitUpdate(parameter),
        _ => new AdamWUpdate(parameter),
    };
}

/// <summary>A parameter with what its owner remembers of it.</summary>
/// <param name="Trained">The parameter.</param>
/// <param name="Owner">The process that updates it.</param>
/// <param name="Update">How; null in other processes.</param>
/// <param name="Moments">Names, types and shapes of what is remembered, known everywhere.</param>
internal sealed record OptimizedParameter(TrainableParameter Trained, int Owner, ParameterUpdate? Update, SharedState[] Moments);

/// <summary>A tensor of a run's state, of which every process knows name and form, and one has the values.</summary>
/// <param name="Name">Name in a checkpoint.</param>
/// <param name="DType">Element type.</param>
/// <param name="Shape">Size of every dimension.</param>
/// <param name="Owner">The process that has the values.</param>
/// <param name="Value">The values; null in processes that do not have them.</param>
internal sealed record SharedState(string Name, DType DType, long[] Shape, int Owner, Tensor? Value);

/// <summary>What is remembered of one parameter.</summary>
/// <param name="Name">Name of the parameter.</param>
/// <param name="Decays">Whether weight decay applies to it.</param>
/// <param name="State">Names and tensors.</param>
internal sealed record OptimizerState(string Name, bool Decays, IReadOnlyList<(string Name, Tensor Value)> State);
