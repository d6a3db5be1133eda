namespace Guanxi.Torch;

/// <summary>Which sixteen values a 4-bit code stands for.</summary>
public enum FourBitKind
{
    /// <summary>Quantiles of the normal distribution.</summary>
    Nf4,

    /// <summary>A float of one sign, two exponent bits and one fraction bit.</summary>
    Fp4,
}
