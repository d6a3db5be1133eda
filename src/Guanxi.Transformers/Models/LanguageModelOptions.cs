using Guanxi.Torch;

namespace Guanxi.Transformers.Models;

/// <summary>How <see cref="LanguageModel.Load"/> brings a model into memory.</summary>
public sealed record LanguageModelOptions
{
    /// <summary>Type of activations and products; <see cref="Models.ComputeType"/> finds the fast one.</summary>
    /// <value>Float32.</value>
    public DType ComputeType { get; init; } = DType.Float32;

    /// <summary>Form in which weights stay in memory.</summary>
    /// <value><see cref="WeightStorage.AsStored"/>.</value>
    public WeightStorage Storage { get; init; } = WeightStorage.AsStored;

    /// <summary>
    /// Whether the block scales of <see cref="WeightStorage.Nf4"/> and <see cref="WeightStorage.Fp4"/> are quantised too.
    /// </summary>
    /// <value>True.</value>
    public bool UseDoubleQuantization { get; init; } = true;

    /// <summary>Type that all weights are rounded to before some are quantised, as transformers does; null for no rounding.</summary>
    /// <value>Null.</value>
    public DType? LoadType { get; init; }

    /// <summary>Where the model computes.</summary>
    /// <value>The CPU.</value>
    public Device Device { get; init; } = Device.Cpu;

    /// <summary>Folder of the base model of an adapter; null: the one its configuration names.</summary>
    /// <value>Null.</value>
    public string? BaseModel { get; init; }

    /// <summary>Whether an adapter that is loaded goes on training.</summary>
    /// <value>False.</value>
    public bool IsAdapterTrainable { get; init; }
}

/// <summary>Form in which weights stay in memory.</summary>
public enum WeightStorage
{
    /// <summary>As the files hold them: on the CPU they stay mapped, take no memory twice, and cannot be trained.</summary>
    AsStored,

    /// <summary>Matrices of linear layers but the head in 4 bits; the rest as the files hold it.</summary>
    Nf4,

    /// <summary>The same in the other table of 4 bits.</summary>
    Fp4,

    /// <summary>Matrices of linear layers but the head in 8 bits; the rest as the files hold it.</summary>
    Int8,

    /// <summary>Single precision, in memory of their own, fit to be trained; weights that are stored in 4 or 8 bits stay so.</summary>
    Float32,
}
