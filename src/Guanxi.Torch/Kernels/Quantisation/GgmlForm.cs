namespace Guanxi.Torch.Kernels.Quantisation;

/// <summary>Size of a block of a GGUF file.</summary>
/// <param name="Elements">Elements that it stands for; 1 for plain types.</param>
/// <param name="Bytes">Bytes that it takes.</param>
internal readonly record struct GgmlForm(int Elements, int Bytes)
{
    private const int Small = 32;
    private const int Large = 256;

    /// <summary>The blocks of a type.</summary>
    /// <param name="type">A type.</param>
    /// <returns>Their size.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The type is not read.</exception>
    public static GgmlForm Of(GgmlType type) => type switch
    {
        GgmlType.F32 => new(1, sizeof(float)),
        GgmlType.F16 or GgmlType.BF16 => new(1, sizeof(ushort)),
        GgmlType.Q4_0 => new(Small, 18),
        GgmlType.Q4_1 => new(Small, 20),
        GgmlType.Q5_0 => new(Small, 22),
        GgmlType.Q5_1 => new(Small, 24),
        GgmlType.Q8_0 => new(Small, 34),
        GgmlType.Q4_K => new(Large, 144),
        GgmlType.Q5_K => new(Large, 176),
        GgmlType.Q6_K => new(Large, 210),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "this type is not read"),
    };
}
