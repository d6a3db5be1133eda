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

    private TorchFile(MappedFile mapped, IReadOnlyDictionary<string, TensorEntry> entries, IReadOnlyDictionary<string, double> numbers)
        : base(mapped, entries) => Numbers = numbers;

    /// <summary>The numbers of a file opened by <see cref="OpenNested"/>, by their joined names.</summary>
    public IReadOnlyDictionary<string, double> Numbers { get; }

    /// <summary>Opens and checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The mapped file, owned by the caller.</returns>
    /// <exception cref="CheckpointException">The file cannot be read, is damaged, or holds anything but a dictionary of tensors.</exception>
    public static TorchFile Open(string path) => Open(path, numbers: null);

    /// <summary>Opens a file of nested dictionaries, such as the state of an optimizer, in the zip form.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The mapped file, owned by the caller; its names are joined by dots, e.g. <c>state.0.exp_avg</c>.</returns>
    /// <exception cref="CheckpointException">The file cannot be read, or is damaged.</exception>
    public static TorchFile OpenNested(string path) => Open(path, []);

    private static TorchFile Open(string path, Dictionary<string, double>? numbers)
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
                return new TorchFile(mapped, ReadEntries(mapped, numbers), numbers ?? []);
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

    private static OrderedDictionary<string, TensorEntry> ReadEntries(MappedFile mapped, Dictionary<string, double>? numbers)
    {
        var sign = new MappedReader(mapped, "the beginning", 0, mapped.Length).Read(Math.Min(LongestSign, mapped.Length));
        if (sign.StartsWith("PK\u0003\u0004"u8))
        {
            return TorchZipForm.Read(mapped, numbers);
        }

        if (sign[0] == (byte)PickleOpcode.Proto && numbers is null)
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
