using Guanxi.Torch;

namespace Guanxi.Transformers.Training;

/// <summary>What an optimizer remembers of one parameter, and how it updates it.</summary>
internal abstract class ParameterUpdate : IDisposable
{
    /// <summary>Updates the parameter in place.</summary>
    public abstract void Apply(Tensor parameter, Tensor gradient, AdamWSettings settings);

    /// <summary>What is remembered, by names of torch and bitsandbytes.</summary>
    public abstract IEnumerable<(string Name, Tensor Value)> State();

    /// <summary>Releases what is remembered.</summary>
    public void Dispose()
    {
        foreach (var (_, value) in State())
        {
            value.Dispose();
        }
    }

    /// <summary>Takes what was just made out of whatever scope is open: it lives as long as the optimizer.</summary>
    protected static Tensor Own(Tensor tensor) => TensorScope.Detach(tensor);
}

/// <summary>AdamW with two moments in Float32.</summary>
internal sealed class AdamWUpdate(Tensor like) : ParameterUpdate
{
    private readonly Tensor _first = Own(Tensor.Zeros(like.Shape, DType.Float32, like.Device));
    private readonly Tensor _second = Own(Tensor.Zeros(like.Shape, DType.Float32, like.Device));

    public override void Apply(Tensor parameter, Tensor gradient, AdamWSettings settings) =>
        Functional.AdamWUpdate(parameter, gradient, _first, _second, settings);

    public override IEnumerable<(string Name, Tensor Value)> State() => [("exp_avg", _first), ("exp_avg_sq", _second)];
}

/// <summary>AdamW with two moments in 8 bits.</summary>
internal sealed class AdamW8BitUpdate : ParameterUpdate
{
    private readonly EightBitState _first;
    private readonly EightBitState _second;

    public AdamW8BitUpdate(Tensor like)
    {
        (_first, _second) = (EightBitState.Zeros(like), EightBitState.Zeros(like));
        foreach (var (_, value) in State())
        {
            Own(value);
        }
    }

    public override void Apply(Tensor parameter, Tensor gradient, AdamWSettings settings) =>
        Functional.AdamW8BitUpdate(parameter, gradient, _first, _second, settings);

    public override IEnumerable<(string Name, Tensor Value)> State() =>
        [("state1", _first.Codes), ("absmax1", _first.Absmax), ("state2", _second.Codes), ("absmax2", _second.Absmax)];
}

/// <summary>Gradient descent, which remembers nothing; weight decay is part of the gradient.</summary>
internal sealed class SgdUpdate : ParameterUpdate
{
    public override void Apply(Tensor parameter, Tensor gradient, AdamWSettings settings)
    {
        using var scope = TensorScope.Enter();
        var whole = (gradient * settings.GradientScale).AddInPlace(parameter, settings.WeightDecay);
        parameter.AddInPlace(whole, -settings.LearningRate);
    }

    public override IEnumerable<(string Name, Tensor Value)> State() => [];
}
