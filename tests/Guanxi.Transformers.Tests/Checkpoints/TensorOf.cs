using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Tests.Checkpoints;

/// <summary>Tensors to be written again.</summary>
internal static class TensorOf
{
    public static TensorSource File(TensorFile file, TensorEntry entry) =>
        TensorSource.FromBytes(entry.Name, entry.DType, entry.Shape, file.ReadBytes(entry.Name));
}
