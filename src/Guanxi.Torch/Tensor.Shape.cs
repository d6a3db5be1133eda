namespace Guanxi.Torch;

/// <content>Shapes, views, types and devices.</content>
public sealed partial class Tensor
{
    /// <summary>The same memory in another shape.</summary>
    /// <param name="shape">The shape; one entry may be -1.</param>
    /// <returns>A view.</returns>
    /// <remarks><c>aten::view</c></remarks>
    public Tensor View(params ReadOnlySpan<long> shape) => Operators.View.Invoke(this, shape.ToArray());

    /// <summary>Another shape, by a view where that is possible.</summary>
    /// <param name="shape">The shape; one entry may be -1.</param>
    /// <returns>A view or a copy.</returns>
    /// <remarks><c>aten::reshape</c></remarks>
    public Tensor Reshape(params ReadOnlySpan<long> shape) => Operators.Reshape.Invoke(this, shape.ToArray());

    /// <summary>Exchanges two dimensions.</summary>
    /// <param name="first">One dimension.</param>
    /// <param name="second">The other.</param>
    /// <returns>A view.</returns>
    /// <remarks><c>aten::transpose.int</c></remarks>
    public Tensor Transpose(int first, int second) => Operators.Transpose.Invoke(this, (long)first, (long)second);

    /// <summary>Puts the dimensions in another order.</summary>
    /// <param name="order">For every new dimension the old one.</param>
    /// <returns>A view.</returns>
    /// <remarks><c>aten::permute</c></remarks>
    public Tensor Permute(params ReadOnlySpan<long> order) => Operators.Permute.Invoke(this, order.ToArray());

    /// <summary>Row-major memory without gaps.</summary>
    /// <returns>This tensor when it is so already, else a copy.</returns>
    /// <remarks><c>aten::contiguous</c></remarks>
    public Tensor Contiguous() => IsContiguous ? this : Operators.Contiguous.Invoke(this);

    /// <summary>The same memory with any strides; the elements begin with the first of this tensor.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="strides">For every dimension, elements from one index to the next; not negative.</param>
    /// <returns>A view.</returns>
    /// <exception cref="TorchException">The view would reach past the memory.</exception>
    /// <remarks><c>aten::as_strided</c></remarks>
    public Tensor AsStrided(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides) =>
        Operators.AsStrided.Invoke(this, shape.ToArray(), strides.ToArray());

    /// <summary>Inserts a dimension of size 1.</summary>
    /// <param name="dimension">Where.</param>
    /// <returns>A view.</returns>
    /// <remarks><c>aten::unsqueeze</c></remarks>
    public Tensor Unsqueeze(int dimension) => Operators.Unsqueeze.Invoke(this, (long)dimension);

    /// <summary>Removes a dimension of size 1.</summary>
    /// <param name="dimension">Which.</param>
    /// <returns>A view.</returns>
    /// <remarks><c>aten::squeeze.dim</c></remarks>
    public Tensor Squeeze(int dimension) => Operators.Squeeze.Invoke(this, (long)dimension);

    /// <summary>Repeats dimensions of size 1 without copying.</summary>
    /// <param name="shape">The shape; -1 keeps a size.</param>
    /// <returns>A view.</returns>
    /// <remarks><c>aten::expand</c></remarks>
    public Tensor Expand(params ReadOnlySpan<long> shape) => Operators.Expand.Invoke(this, shape.ToArray());

    /// <summary>A range of one dimension.</summary>
    /// <param name="dimension">The dimension.</param>
    /// <param name="start">First index.</param>
    /// <param name="length">How many.</param>
    /// <returns>A view.</returns>
    /// <remarks><c>aten::narrow</c></remarks>
    public Tensor Narrow(int dimension, long start, long length) => Operators.Narrow.Invoke(this, (long)dimension, start, length);

    /// <summary>One index of a dimension, which goes.</summary>
    /// <param name="dimension">The dimension.</param>
    /// <param name="index">The index; negative counts from the end.</param>
    /// <returns>A view.</returns>
    /// <remarks><c>aten::select.int</c></remarks>
    public Tensor Select(int dimension, long index) => Operators.Select.Invoke(this, (long)dimension, index);

    /// <summary>Cuts one dimension into parts.</summary>
    /// <param name="dimension">The dimension.</param>
    /// <param name="sizes">Size of every part; they add up to the dimension.</param>
    /// <returns>Views.</returns>
    /// <remarks><c>aten::split_with_sizes</c></remarks>
    public Tensor[] Split(int dimension, params ReadOnlySpan<long> sizes) => Operators.Split.Invoke(this, sizes.ToArray(), (long)dimension).ToArray();

    /// <summary>Picks indices of one dimension.</summary>
    /// <param name="dimension">The dimension.</param>
    /// <param name="indices">Int64 [n].</param>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::index_select</c></remarks>
    public Tensor IndexSelect(int dimension, Tensor indices) => Operators.IndexSelect.Invoke(this, (long)dimension, indices);

    /// <summary>Picks one element for every entry of an index tensor.</summary>
    /// <param name="dimension">The dimension the indices are of.</param>
    /// <param name="indices">Int64, same rank.</param>
    /// <returns>New tensor shaped as the indices.</returns>
    /// <remarks><c>aten::gather</c></remarks>
    public Tensor Gather(int dimension, Tensor indices) => Operators.Gather.Invoke(this, (long)dimension, indices);

    /// <summary>Another element type.</summary>
    /// <param name="dtype">The type.</param>
    /// <returns>This tensor when it has that type, else a copy.</returns>
    /// <remarks><c>aten::to.dtype</c></remarks>
    public Tensor To(DType dtype) => DType == dtype ? this : Operators.ToDType.Invoke(this, dtype);

    /// <summary>Another device.</summary>
    /// <param name="device">Where to.</param>
    /// <returns>This tensor when it is there, else a copy.</returns>
    /// <remarks><c>aten::to.device</c></remarks>
    public Tensor ToDevice(Device device) => Device == device ? this : Operators.ToDevice.Invoke(this, device, DType);

    /// <summary>A copy with memory of its own.</summary>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::clone</c></remarks>
    public Tensor Clone() => Operators.Clone.Invoke(this);

    /// <summary>The same memory without the graph.</summary>
    /// <returns>A view that requires no gradient.</returns>
    /// <remarks><c>aten::detach</c></remarks>
    public Tensor Detach() => Operators.Detach.Invoke(this);

    /// <summary>Joins tensors along a dimension.</summary>
    /// <param name="tensors">At least one; equal in the other dimensions.</param>
    /// <param name="dimension">The dimension.</param>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::cat</c></remarks>
    public static Tensor Cat(ReadOnlySpan<Tensor> tensors, int dimension) => Operators.Cat.Invoke(tensors.ToArray(), (long)dimension);

    /// <summary>Joins tensors of one shape along a new dimension.</summary>
    /// <param name="tensors">At least one.</param>
    /// <param name="dimension">Where the new dimension goes.</param>
    /// <returns>New tensor.</returns>
    /// <remarks><c>aten::stack</c></remarks>
    public static Tensor Stack(ReadOnlySpan<Tensor> tensors, int dimension) => Operators.Stack.Invoke(tensors.ToArray(), (long)dimension);

    /// <summary>Rows of a table.</summary>
    /// <param name="weight">[V, C].</param>
    /// <param name="ids">Int64, any shape.</param>
    /// <returns>[..., C].</returns>
    /// <remarks><c>aten::embedding</c></remarks>
    public static Tensor Embedding(Tensor weight, Tensor ids) => Operators.Embedding.Invoke(weight, ids);
}
