namespace Guanxi.Transformers.Checkpoints.Torch;

/// <summary>
/// A weights file that torch.save wrote (<c>pytorch_model.bin</c>), in the zip form or the older one; its tensors come in the
/// order of the dictionary that was saved.
/// </summary>
/// <remarks>
/// Such a file holds a pickle, which in Python can run any code. Here it is only read: it may name what tensors are made of and
/// nothing else, and every tensor must lie inside its storage.
/// </remarks>
public sealed class TorchFile : TensorFile
{
    private const int LongestSign = 20;

    private TorchFile(MappedFile mapped, IReadOnlyDictionary<string, TensorEntry> entries)
        : base(mapped, entries)
    {
    }

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The mapped file, owned by the caller.</returns>
    /// <exception cref="CheckpointException">The file cannot be read, is damaged, or holds anything but a dictionary of tensors.</exception>
    public static TorchFile Open(string path)
    {
        try
        {
            using var stream = MappedFile.OpenStream(path);
            if (stream.Length == 0)
            {
                throw new CheckpointException(new Problem(path, "the file is empty", Hint: "Download it again."));
            }

            var mapped = new MappedFile(stream, path);
            try
            {
                return new TorchFile(mapped, ReadEntries(mapped));
            }
            catch
            {
                mapped.Dispose();
                throw;
            }
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            throw FileErrors.Wrap(path, "the file cannot be read", error);
        }
    }

    private static OrderedDictionary<string, TensorEntry> ReadEntries(MappedFile mapped)
    {
        var sign = new MappedReader(mapped, "the beginning", 0, mapped.Length).Read(Math.Min(LongestSign, mapped.Length));
        if (sign.StartsWith("PK\u0003\u0004"u8))
        {
            return TorchZipForm.Read(mapped);
        }

        if (sign[0] == (byte)PickleOpcode.Proto)
        {
            return TorchLegacyForm.Read(mapped);
        }

        throw new CheckpointException(new Problem(
            mapped.Path,
            "this is no file of torch.save",
            "a zip archive or a pickle",
            null,
            sign.StartsWith("version https://git"u8) ? "It is a pointer of Git LFS: fetch the file itself." : "Download it again."));
    }
}
