using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Nn;

namespace Guanxi.Transformers.Peft;

/// <summary>A model with LoRA adapters beside some of its linear layers, and the parameters that train with them.</summary>
/// <remarks>
/// The adapters belong to the layers and are disposed with the model. Modules that are saved whole hold a Float32 copy of their
/// weight from here on.
/// </remarks>
public sealed class AdapterModel
{
    private readonly AdapterPlan _plan;

    private AdapterModel(Module model, AdapterPlan plan)
    {
        Model = model;
        _plan = plan;
        Trainable = [.. plan.Order.SelectMany(index => index >= 0
            ? ParametersOf(plan.Places[index])
            : [(plan.Saved[~index].Name, plan.Saved[~index].Parameter)])];
    }

    /// <summary>The model that was adapted.</summary>
    public Module Model { get; }

    /// <summary>The configuration; layers that were selected as all linear ones are named in it, as PEFT writes them.</summary>
    public LoraConfig Config => _plan.Config;

    /// <summary>
    /// What trains, by PEFT's names, in the order of the model: A and B of every layer, DoRA's magnitudes, and parameters saved
    /// whole.
    /// </summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Trainable { get; }

    /// <summary>The adapted layers with their paths, in the order of the model.</summary>
    public IReadOnlyList<(string Path, Linear Layer)> Layers => [.. _plan.Places.Select(place => (place.Path, place.Layer))];

    /// <summary>What is odd but no error, one sentence each.</summary>
    public IReadOnlyList<string> Warnings => [.. Config.Warnings, .. _plan.Warnings];

    /// <summary>Attaches fresh adapters that train; everything else of the model is frozen.</summary>
    /// <param name="model">A model without adapters.</param>
    /// <param name="config">Which layers, and how large.</param>
    /// <param name="seed">The same seed draws the same adapters.</param>
    /// <returns>The adapted model; the caller still owns <paramref name="model"/>.</returns>
    /// <exception cref="OptionsException">
    /// The configuration does not fit the model, e.g. no layer has a name of its targets; all problems are listed, nothing was changed.
    /// </exception>
    public static AdapterModel Start(Module model, LoraConfig config, long seed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        var plan = AdapterPlan.Make(model, config);
        var device = DeviceOf(model);
        for (var site = 0; site < plan.Places.Count; site++)
        {
            var place = plan.Places[site];
            var down = AdapterStart.Down(seed, site, place.DownShape, device);
            var magnitude = config.UseDora ? DoraMagnitude.Of(place.Layer.Weight) : null;
            Attach(place, down, AdapterStart.Up(place.UpShape, device), magnitude, config.Dropout, site);
        }

        foreach (var saved in plan.Saved)
        {
            using var scope = TensorScope.Enter();
            var value = saved.Parameter.Value;
            saved.Parameter.Value = value.DType == DType.Float32 ? value.Clone() : value.To(DType.Float32);
        }

        var adapted = new AdapterModel(model, plan);
        adapted.SetTrainable(true);
        return adapted;
    }

    /// <summary>Attaches the adapters of a PEFT folder.</summary>
    /// <param name="model">The base model, without adapters.</param>
    /// <param name="folder">The folder with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</param>
    /// <param name="isTrainable">Whether training goes on from it.</param>
    /// <returns>The adapted model; the caller still owns <paramref name="model"/>.</returns>
    /// <exception cref="CheckpointException">
    /// The folder is damaged or does not fit the model: every missing, unexpected or mis-shaped tensor is listed, nothing was changed.
    /// </exception>
    public static AdapterModel Load(Module model, string folder, bool isTrainable)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(folder);
        var plan = PlanOf(model, folder);
        using var reader = AdapterFolder.Open(folder);
        AdapterFolder.Check(reader, plan);
        var device = DeviceOf(model);
        for (var site = 0; site < plan.Places.Count; site++)
        {
            var place = plan.Places[site];
            using var scope = TensorScope.Enter();
            var down = new Parameter(AdapterFolder.Read(reader, place.DownName, device));
            var up = new Parameter(AdapterFolder.Read(reader, place.UpName, device));
            var magnitude = plan.Config.UseDora
                ? new DoraMagnitude(new Parameter(AdapterFolder.Read(reader, place.MagnitudeName, device)), place.Layer.Weight)
                : null;
            Attach(place, down, up, magnitude, plan.Config.Dropout, site);
        }

        foreach (var saved in plan.Saved)
        {
            using var scope = TensorScope.Enter();
            saved.Parameter.Value = AdapterFolder.Read(reader, saved.Name, device);
        }

        var adapted = new AdapterModel(model, plan);
        adapted.SetTrainable(isTrainable);
        return adapted;
    }

    /// <summary>Writes <c>adapter_model.safetensors</c> and <c>adapter_config.json</c> as PEFT does.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    public void Save(string folder)
    {
        SafetensorsWriter.Write(
            Path.Combine(folder, AdapterFolder.WeightsName),
            Trainable.Select(item => TensorSource.FromTensor(item.Name, DType.Float32, item.Parameter.Value)),
            SafetensorsWriter.PyTorchMetadata);
        Config.Write(folder);
    }

    private static AdapterPlan PlanOf(Module model, string folder)
    {
        var path = Path.Combine(folder, LoraConfig.FileName);
        var config = LoraConfig.Read(path);
        try
        {
            return AdapterPlan.Make(model, config);
        }
        catch (OptionsException error)
        {
            // What is wrong with the caller's options there is wrong with a file here, which must be named.
            var problems = error.Problems.Select(problem => problem with { Where = $"{path}, {problem.Where}" });
            throw new CheckpointException([.. problems], error);
        }
    }

    private static void Attach(AdapterPlace place, Parameter down, Parameter up, DoraMagnitude? magnitude, double dropout, int site) =>
        place.Layer.Attach(new LoraAdapter(down, up, place.Scale, dropout, site) { Magnitude = magnitude });

    private static IEnumerable<(string Name, Parameter Parameter)> ParametersOf(AdapterPlace place)
    {
        var adapter = place.Layer.Adapter!;
        yield return (place.DownName, adapter.Down);
        yield return (place.UpName, adapter.Up);
        if (adapter.Magnitude is { } magnitude)
        {
            yield return (place.MagnitudeName, magnitude.Parameter);
        }
    }

    private static Device DeviceOf(Module model) => model.NamedParameters().First().Parameter.Value.Device;

    private void SetTrainable(bool isTrainable)
    {
        foreach (var (_, parameter) in Model.NamedParameters())
        {
            parameter.IsTrainable = false;
        }

        foreach (var (_, parameter) in Trainable)
        {
            parameter.IsTrainable = isTrainable;
        }
    }
}
