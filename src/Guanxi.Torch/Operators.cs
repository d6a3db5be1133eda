namespace Guanxi.Torch;

/// <summary>The operators that the project uses, by their aten names; one is added with the method that needs it.</summary>
internal static class Operators
{
    internal static readonly Operator Abs = new("aten::abs", "");

    internal static readonly Operator Add = new("aten::add", "Tensor");

    internal static readonly Operator AddScalar = new("aten::add", "Scalar");

    internal static readonly Operator AddInPlace = new("aten::add_", "Tensor");

    internal static readonly Operator AddMatrixProduct = new("aten::addmm", "");

    internal static readonly Operator AddMatrixProductInPlace = new("aten::addmm_", "");

    internal static readonly Operator Amax = new("aten::amax", "");

    internal static readonly Operator Arange = new("aten::arange", "start");

    internal static readonly Operator ArgMax = new("aten::argmax", "");

    internal static readonly Operator AsStrided = new("aten::as_strided", "");

    internal static readonly Operator BatchMatrixProduct = new("aten::bmm", "");

    internal static readonly Operator Cat = new("aten::cat", "");

    internal static readonly Operator Clone = new("aten::clone", "");

    internal static readonly Operator Contiguous = new("aten::contiguous", "");

    internal static readonly Operator CopyInPlace = new("aten::copy_", "");

    internal static readonly Operator Detach = new("aten::detach", "");

    internal static readonly Operator Divide = new("aten::div", "Tensor");

    internal static readonly Operator DivideScalar = new("aten::div", "Scalar");

    internal static readonly Operator DivideFloor = new("aten::div", "Scalar_mode");

    internal static readonly Operator Dropout = new("aten::dropout", "");

    internal static readonly Operator Embedding = new("aten::embedding", "");

    internal static readonly Operator Empty = new("aten::empty", "memory_format");

    internal static readonly Operator Expand = new("aten::expand", "");

    internal static readonly Operator Full = new("aten::full", "");

    internal static readonly Operator Gather = new("aten::gather", "");

    internal static readonly Operator Gelu = new("aten::gelu", "");

    internal static readonly Operator GruPacked = new("aten::gru", "data");

    internal static readonly Operator IndexSelect = new("aten::index_select", "");

    internal static readonly Operator IsFinite = new("aten::isfinite", "");

    internal static readonly Operator Item = new("aten::item", "");

    internal static readonly Operator LayerNorm = new("aten::layer_norm", "");

    internal static readonly Operator LogSoftmax = new("aten::log_softmax", "int");

    internal static readonly Operator LogSumExp = new("aten::logsumexp", "");

    internal static readonly Operator MatrixProduct = new("aten::mm", "");

    internal static readonly Operator MatMul = new("aten::matmul", "");

    internal static readonly Operator MaxAll = new("aten::max", "");

    internal static readonly Operator Mean = new("aten::mean", "");

    internal static readonly Operator MeanDim = new("aten::mean", "dim");

    internal static readonly Operator Multiply = new("aten::mul", "Tensor");

    internal static readonly Operator MultiplyScalar = new("aten::mul", "Scalar");

    internal static readonly Operator MultiplyScalarInPlace = new("aten::mul_", "Scalar");

    internal static readonly Operator Narrow = new("aten::narrow", "");

    internal static readonly Operator Negate = new("aten::neg", "");

    internal static readonly Operator NormalInPlace = new("aten::normal_", "");

    internal static readonly Operator Permute = new("aten::permute", "");

    internal static readonly Operator Round = new("aten::round", "");

    internal static readonly Operator Rsqrt = new("aten::rsqrt", "");

    internal static readonly Operator Select = new("aten::select", "int");

    internal static readonly Operator Silu = new("aten::silu", "");

    internal static readonly Operator Softmax = new("aten::softmax", "int");

    internal static readonly Operator Split = new("aten::split_with_sizes", "");

    internal static readonly Operator Sqrt = new("aten::sqrt", "");

    internal static readonly Operator Stack = new("aten::stack", "");

    internal static readonly Operator Subtract = new("aten::sub", "Tensor");

    internal static readonly Operator Sum = new("aten::sum", "");

    internal static readonly Operator SumDim = new("aten::sum", "dim_IntList");

    internal static readonly Operator Tanh = new("aten::tanh", "");

    internal static readonly Operator ToDevice = new("aten::to", "device");

    internal static readonly Operator ToDType = new("aten::to", "dtype");

    internal static readonly Operator Transpose = new("aten::transpose", "int");

    internal static readonly Operator UniformInPlace = new("aten::uniform_", "");

    internal static readonly Operator Unsqueeze = new("aten::unsqueeze", "");

    internal static readonly Operator Squeeze = new("aten::squeeze", "dim");

    internal static readonly Operator View = new("aten::view", "");

    internal static readonly Operator Reshape = new("aten::reshape", "");

    internal static readonly Operator Zeros = new("aten::zeros", "");
}
