using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;

namespace Guanxi.Transformers.Training;

/// <summary>A parameter that trains, under the name it is saved by.</summary>
/// <param name="Name">Name in the saved file.</param>
/// <param name="Parameter">The parameter.</param>
/// <param name="Decays">Whether weight decay applies: not to norms and biases.</param>
public sealed record TrainableParameter(string Name, Parameter Parameter, bool Decays)
{
    /// <summary>Factor on the learning rate, as LoRA+ has for the B of adapters.</summary>
    /// <value>1.</value>
    public double RateFactor { get; init; } = 1;

    /// <summary>Marks all parameters of a model as trainable: full fine-tuning and pretraining.</summary>
    /// <param name="model">The model.</param>
    /// <returns>Its parameters in the model's order.</returns>
    public static IReadOnlyList<TrainableParameter> AllOf(Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var all = new List<TrainableParameter>();
        foreach (var (name, parameter) in model.NamedParameters())
        {
            parameter.IsTrainable = true;
            all.Add(new TrainableParameter(name, parameter, DecaysByName(name)));
        }

        return all;
    }

    /// <summary>The parameters that train with an adapter.</summary>
    /// <param name="adapter">The adapted model.</param>
    /// <param name="plusRatio">How much faster B learns than A; 1 for the same.</param>
    /// <returns>The parameters in the model's order.</returns>
    /// <remarks>LoRA+ (Hayou et al. 2024, arXiv 2402.12354), as PEFT's <c>create_loraplus_optimizer</c> groups them.</remarks>
    public static IReadOnlyList<TrainableParameter> OfAdapter(AdapterModel adapter, double plusRatio)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        return [.. adapter.Trainable.Select(item => new TrainableParameter(item.Name, item.Parameter, DecaysByName(item.Name))
        {
            RateFactor = item.Name.Contains(".lora_B.", StringComparison.Ordinal) ? plusRatio : 1,
        })];
    }

    /// <summary>Hugging Face's rule: biases and the weights of norms are not decayed.</summary>
    /// <param name="name">Name of a parameter.</param>
    /// <returns>Whether weight decay applies.</returns>
    public static bool DecaysByName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return !name.EndsWith("bias", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.OrdinalIgnoreCase);
    }
}
