using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Training;

/// <summary>A parameter that trains, under the name it is saved by.</summary>
/// <param name="Name">Name in the saved file.</param>
/// <param name="Parameter">The parameter.</param>
/// <param name="Decays">Whether weight decay applies: not to norms and biases.</param>
public sealed record TrainableParameter(string Name, Parameter Parameter, bool Decays)
{
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

    /// <summary>Hugging Face's rule: biases and the weights of norms are not decayed.</summary>
    /// <param name="name">Name of a parameter.</param>
    /// <returns>Whether weight decay applies.</returns>
    public static bool DecaysByName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return !name.EndsWith("bias", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.OrdinalIgnoreCase);
    }
}
