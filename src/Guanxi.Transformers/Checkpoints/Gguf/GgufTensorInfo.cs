using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints.Gguf;

/// <summary>One tensor as the header of a GGUF file describes it.</summary>
/// <param name="Name">Name in the file.</param>
/// <param name="Type">How its elements are stored.</param>
/// <param name="Shape">Row-major: the reverse of the order in the file.</param>
/// <param name="Offset">Bytes from the beginning of the file.</param>
/// <param name="ByteLength">Bytes of all blocks.</param>
public sealed record GgufTensorInfo(string Name, GgmlType Type, long[] Shape, long Offset, long ByteLength)
{
    /// <summary>Whether the bytes are the elements, without blocks.</summary>
    public bool IsPlain => GgmlBlocks.PlainTypeOf(Type) is not null;
}
