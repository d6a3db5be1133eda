namespace Guanxi.Torch.Tests;

/// <summary>A random matrix in a stored form, and what it stands for.</summary>
internal sealed class StoredWeight : IDisposable
{
    /// <summary>Forms with a number for each element.</summary>
    public static readonly string[] DenseForms = ["fp32", "bf16", "fp16", "int8"];

    /// <summary>Forms of four bits.</summary>
    public static readonly string[] FourBitForms = ["nf4", "nf4-double", "nf4-bf16", "nf4-fp16", "fp4"];

    private readonly FourBitTensor? _quantized;

    public StoredWeight(string form, long rows, long columns)
        : this(form, Random(0.1, rows, columns))
    {
    }

    public StoredWeight(string form, Tensor source)
    {
        if (form is "fp32" or "bf16" or "fp16")
        {
            var stored = source.To(form == "fp32" ? DType.Float32 : form == "bf16" ? DType.BFloat16 : DType.Float16);
            (Stored, Plain) = (StoredMatrix.Of(stored)!, stored.To(DType.Float32));
        }
        else if (form == "int8")
        {
            var maxima = source.Abs().Max(1, keepDimension: false);
            var values = (source * 127 / maxima.Unsqueeze(1)).Round().To(DType.Int8);
            (Stored, Plain) = (StoredMatrix.Of(values, maxima)!, values.To(DType.Float32) * (maxima * (1 / 127.0)).Unsqueeze(1));
        }
        else
        {
            var rounding = form == "nf4-bf16" ? DType.BFloat16 : form == "nf4-fp16" ? DType.Float16 : DType.Float32;
            _quantized = FourBitTensor.Quantize(source, form == "fp4" ? FourBitKind.Fp4 : FourBitKind.Nf4, form == "nf4-double");
            (Stored, Plain) = (StoredMatrix.Of(_quantized, rounding)!, _quantized.Dequantize(rounding).To(DType.Float32));
        }
    }

    /// <summary>Every form in every shape, rows and columns.</summary>
    public static IEnumerable<object[]> Cases(string[] forms, params (int Rows, int Columns)[] shapes) =>
        forms.SelectMany(form => shapes.Select(shape => new object[] { form, shape.Rows, shape.Columns }));

    public StoredMatrix Stored { get; }

    public Tensor Plain { get; }

    public void Dispose() => _quantized?.Dispose();

    /// <summary>Evenly drawn numbers.</summary>
    public static Tensor Random(double size, params long[] shape) => Tensor.Empty(shape, DType.Float32, Device.Cpu).UniformInPlace(-size, size);
}
