namespace Guanxi.Torch;

/// <content>Arithmetic.</content>
#pragma warning disable CA2225 // Operators of arithmetic read as arithmetic; a second, named form of each would be a second way.
public sealed partial class Tensor
{
    /// <summary>Sum of two tensors, element by element, with broadcasting.</summary>
    /// <param name="left">Left operand.</param>
    /// <param name="right">Right operand.</param>
    /// <returns>New tensor of the broadcast shape.</returns>
    /// <remarks><c>aten::add</c></remarks>
    public static Tensor operator +(Tensor left, Tensor right) => Operators.Add.Invoke(left, right);

    /// <summary>Difference of two tensors, element by element, with broadcasting.</summary>
    /// <param name="left">Left operand.</param>
    /// <param name="right">Right operand.</param>
    /// <returns>New tensor of the broadcast shape.</returns>
    /// <remarks><c>aten::sub</c></remarks>
    public static Tensor operator -(Tensor left, Tensor right) => Operators.Subtract.Invoke(left, right);

    /// <summary>Product of two tensors, element by element, with broadcasting.</summary>
    /// <param name="left">Left operand.</param>
    /// <param name="right">Right operand.</param>
    /// <returns>New tensor of the broadcast shape.</returns>
    /// <remarks><c>aten::mul</c></remarks>
    public static Tensor operator *(Tensor left, Tensor right) => Operators.Multiply.Invoke(left, right);

    /// <summary>Quotient of two tensors, element by element, with broadcasting.</summary>
    /// <param name="left">Left operand.</param>
    /// <param name="right">Right operand.</param>
    /// <returns>New tensor of the broadcast shape.</returns>
    /// <remarks><c>aten::div</c></remarks>
    public static Tensor operator /(Tensor left, Tensor right) => Operators.Divide.Invoke(left, right);

    /// <summary>Adds a number to every element.</summary>
    /// <param name="left">A tensor.</param>
    /// <param name="right">A number.</param>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::add.Scalar</c></remarks>
    public static Tensor operator +(Tensor left, double right) => Operators.AddScalar.Invoke(left, right);

    /// <summary>Multiplies every element by a number.</summary>
    /// <param name="left">A tensor.</param>
    /// <param name="right">A number.</param>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::mul.Scalar</c></remarks>
    public static Tensor operator *(Tensor left, double right) => Operators.MultiplyScalar.Invoke(left, right);

    /// <summary>Divides every element by a number.</summary>
    /// <param name="left">A tensor.</param>
    /// <param name="right">A number.</param>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::div.Scalar</c></remarks>
    public static Tensor operator /(Tensor left, double right) => Operators.DivideScalar.Invoke(left, right);

    /// <summary>Negates every element.</summary>
    /// <param name="value">A tensor.</param>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::neg</c></remarks>
    public static Tensor operator -(Tensor value) => Operators.Negate.Invoke(value);

    /// <summary>Absolute value, of every element.</summary>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::abs</c></remarks>
    public Tensor Abs() => Operators.Abs.Invoke(this);

    /// <summary>To the nearest whole number, halves to the even one, of every element.</summary>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::round</c></remarks>
    public Tensor Round() => Operators.Round.Invoke(this);

    /// <summary>Reciprocal square root, of every element.</summary>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::rsqrt</c></remarks>
    public Tensor Rsqrt() => Operators.Rsqrt.Invoke(this);

    /// <summary>x times its logistic function, of every element.</summary>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::silu</c></remarks>
    public Tensor Silu() => Operators.Silu.Invoke(this);

    /// <summary>Square root, of every element.</summary>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::sqrt</c></remarks>
    public Tensor Sqrt() => Operators.Sqrt.Invoke(this);

    /// <summary>Hyperbolic tangent, of every element.</summary>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::tanh</c></remarks>
    public Tensor Tanh() => Operators.Tanh.Invoke(this);

    /// <summary>Whether it is neither infinite nor NaN, of every element.</summary>
    /// <returns>New tensor of the same shape and of booleans.</returns>
    /// <remarks><c>aten::isfinite</c></remarks>
    public Tensor IsFinite() => Operators.IsFinite.Invoke(this);

    /// <summary>Gaussian error linear unit in its exact (erf) form.</summary>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::gelu</c></remarks>
    public Tensor Gelu() => Operators.Gelu.Invoke(this);

    /// <summary>Matrix product over the last two dimensions, the others broadcast.</summary>
    /// <param name="other">[..., K, N].</param>
    /// <returns>[..., M, N].</returns>
    /// <remarks><c>aten::matmul</c></remarks>
    public Tensor MatMul(Tensor other) => Operators.MatMul.Invoke(this, other);

    /// <summary>Product of two matrices.</summary>
    /// <param name="other">[K, N].</param>
    /// <returns>[M, N].</returns>
    /// <remarks><c>aten::mm</c></remarks>
    public Tensor MatrixProduct(Tensor other) => Operators.MatrixProduct.Invoke(this, other);

    /// <summary>Products of matching matrices of two batches.</summary>
    /// <param name="other">[B, K, N].</param>
    /// <returns>[B, M, N].</returns>
    /// <remarks><c>aten::bmm</c></remarks>
    public Tensor BatchMatrixProduct(Tensor other) => Operators.BatchMatrixProduct.Invoke(this, other);

    /// <summary>Adds scale x left x right to a matrix or a row.</summary>
    /// <param name="left">[M, K].</param>
    /// <param name="right">[K, N].</param>
    /// <param name="scale">Factor of the product.</param>
    /// <returns>New [M, N].</returns>
    /// <remarks><c>aten::addmm</c></remarks>
    public Tensor AddMatrixProduct(Tensor left, Tensor right, double scale) => Operators.AddMatrixProduct.Invoke(this, left, right, 1L, scale);

    /// <summary>Adds scale x left x right to this matrix where it lies.</summary>
    /// <param name="left">[M, K].</param>
    /// <param name="right">[K, N].</param>
    /// <param name="scale">Factor of the product.</param>
    /// <returns>Another tensor over the same memory.</returns>
    /// <remarks><c>aten::addmm_</c></remarks>
    public Tensor AddMatrixProductInPlace(Tensor left, Tensor right, double scale) => Operators.AddMatrixProductInPlace.Invoke(this, left, right, 1L, scale);

    /// <summary>Sum of all elements.</summary>
    /// <returns>New tensor without dimensions.</returns>
    /// <remarks><c>aten::sum</c></remarks>
    public Tensor Sum() => Operators.Sum.Invoke(this);

    /// <summary>Sums along one dimension.</summary>
    /// <param name="dimension">The dimension; negative counts from the end.</param>
    /// <param name="keepDimension">Keep it with size 1.</param>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::sum.dim_IntList</c></remarks>
    public Tensor Sum(int dimension, bool keepDimension) => Operators.SumDim.Invoke(this, new long[] { dimension }, keepDimension);

    /// <summary>Mean of all elements.</summary>
    /// <returns>New tensor without dimensions.</returns>
    /// <remarks><c>aten::mean</c></remarks>
    public Tensor Mean() => Operators.Mean.Invoke(this);

    /// <summary>Mean along one dimension.</summary>
    /// <param name="dimension">The dimension; negative counts from the end.</param>
    /// <param name="keepDimension">Keep it with size 1.</param>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::mean.dim</c></remarks>
    public Tensor Mean(int dimension, bool keepDimension) => Operators.MeanDim.Invoke(this, new long[] { dimension }, keepDimension);

    /// <summary>Greatest element.</summary>
    /// <returns>New tensor without dimensions.</returns>
    /// <remarks><c>aten::max</c></remarks>
    public Tensor Max() => Operators.MaxAll.Invoke(this);

    /// <summary>Largest elements along one dimension.</summary>
    /// <param name="dimension">The dimension, counted from the end when negative.</param>
    /// <param name="keepDimension">Whether the dimension stays, with size 1.</param>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::amax</c></remarks>
    public Tensor Max(int dimension, bool keepDimension) => Operators.Amax.Invoke(this, new long[] { dimension }, keepDimension);

    /// <summary>Index of the greatest element along a dimension.</summary>
    /// <param name="dimension">The dimension.</param>
    /// <returns>New Int64 tensor without that dimension.</returns>
    /// <remarks><c>aten::argmax</c></remarks>
    public Tensor ArgMax(int dimension) => Operators.ArgMax.Invoke(this, (long)dimension);

    /// <summary>Softmax along a dimension.</summary>
    /// <param name="dimension">The dimension.</param>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::softmax.int</c></remarks>
    public Tensor Softmax(int dimension) => Operators.Softmax.Invoke(this, (long)dimension);

    /// <summary>Logarithm of the softmax along a dimension.</summary>
    /// <param name="dimension">The dimension.</param>
    /// <returns>New tensor of the same shape.</returns>
    /// <remarks><c>aten::log_softmax.int</c></remarks>
    public Tensor LogSoftmax(int dimension) => Operators.LogSoftmax.Invoke(this, (long)dimension);

    /// <summary>Logarithm of the sum of exponentials along a dimension.</summary>
    /// <param name="dimension">The dimension.</param>
    /// <param name="keepDimension">Keep it with size 1.</param>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::logsumexp</c></remarks>
    public Tensor LogSumExp(int dimension, bool keepDimension) => Operators.LogSumExp.Invoke(this, new long[] { dimension }, keepDimension);

    /// <summary>Adds scale x other to this tensor where it lies.</summary>
    /// <param name="other">A tensor of a shape that broadcasts to this one.</param>
    /// <param name="scale">Factor of it.</param>
    /// <returns>Another tensor over the same memory.</returns>
    /// <remarks><c>aten::add_.Tensor</c></remarks>
    public Tensor AddInPlace(Tensor other, double scale) => Operators.AddInPlace.Invoke(this, other, scale);

    /// <summary>Multiplies this tensor by a number where it lies.</summary>
    /// <param name="factor">The number.</param>
    /// <returns>Another tensor over the same memory.</returns>
    /// <remarks><c>aten::mul_.Scalar</c></remarks>
    public Tensor MultiplyInPlace(double factor) => Operators.MultiplyScalarInPlace.Invoke(this, factor);

    /// <summary>Copies another tensor's elements, converting type and device, into this memory.</summary>
    /// <param name="source">A tensor whose shape broadcasts to this one.</param>
    /// <returns>Another tensor over the same memory.</returns>
    /// <remarks><c>aten::copy_</c></remarks>
    public Tensor CopyInPlace(Tensor source) => Operators.CopyInPlace.Invoke(this, source);

    /// <summary>Draws every element from a normal distribution by the default generator.</summary>
    /// <param name="mean">Mean.</param>
    /// <param name="deviation">Standard deviation.</param>
    /// <returns>Another tensor over the same memory.</returns>
    /// <remarks><c>aten::normal_</c></remarks>
    public Tensor NormalInPlace(double mean, double deviation) => Operators.NormalInPlace.Invoke(this, mean, deviation);

    /// <summary>Draws every element uniformly by the default generator.</summary>
    /// <param name="from">Lower bound, included.</param>
    /// <param name="to">Upper bound, excluded.</param>
    /// <returns>Another tensor over the same memory.</returns>
    /// <remarks><c>aten::uniform_</c></remarks>
    public Tensor UniformInPlace(double from, double to) => Operators.UniformInPlace.Invoke(this, from, to);
}
