namespace Guanxi.Transformers.Checkpoints.Torch;

/// <summary>The form that torch.save writes since 1.6: a zip archive with one pickle, and one member for every storage.</summary>
/// <remarks>Source: torch/serialization.py, <c>_save</c> and <c>_load</c>: <c>NAME/data.pkl</c>, <c>NAME/byteorder</c>, <c>NAME/data/KEY</c>.</remarks>
internal static class TorchZipForm
{
    private const string PickleName = "/data.pkl";
    private const int LongestByteOrder = 16;

    /// <summary>Reads a file of this form.</summary>
    /// <param name="file">The file.</param>
    /// <param name="numbers">Receives the numbers of a nested dictionary; null where only tensors are allowed, one level deep.</param>
    /// <exception cref="CheckpointException">It breaks a rule.</exception>
    public static OrderedDictionary<string, TensorEntry> Read(MappedFile file, Dictionary<string, double>? numbers)
    {
        var members = ZipDirectory.Read(file);
        var pickles = members.Keys.Where(IsPickle).ToArray();
        if (pickles is not [var pickle])
        {
            throw new CheckpointException(new Problem(
                file.Path, "the zip archive is not one of torch.save", "one member NAME/data.pkl", $"{pickles.Length} of that name"));
        }

        var root = pickle[..^PickleName.Length];
        CheckByteOrder(file, members, root);
        var place = members[pickle];
        var input = new MappedReader(file, "data.pkl", place.Offset, place.Offset + place.Length);
        var value = PickleMachine.Load(input, new Dictionary<string, TorchStorage>(StringComparer.Ordinal));
        if (input.Remaining > 0)
        {
            throw input.Fault("bytes follow the pickle");
        }

        var prefix = $"{root}/data/";
        var storages = members.Where(member => member.Key.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(member => member.Key[prefix.Length..], member => member.Value, StringComparer.Ordinal);
        return numbers is null
            ? TorchStateDict.Read(value, storages, file.Path)
            : TorchStateDict.ReadNested(value, storages, file.Path, numbers);
    }

    private static bool IsPickle(string name) =>
        name.EndsWith(PickleName, StringComparison.Ordinal) && name.IndexOf('/', StringComparison.Ordinal) == name.Length - PickleName.Length;

    private static void CheckByteOrder(MappedFile file, IReadOnlyDictionary<string, FilePlace> members, string root)
    {
        // Absent before torch 2.1, which wrote the order of the machine; all machines in question were little-endian.
        if (!members.TryGetValue($"{root}/byteorder", out var place))
        {
            return;
        }

        var input = new MappedReader(file, "byteorder", place.Offset, place.Offset + place.Length);
        if (!input.Read(Math.Min(place.Length, LongestByteOrder)).SequenceEqual("little"u8))
        {
            throw input.Fault("the elements are in another byte order", "little", null, "Save the checkpoint again as safetensors.");
        }
    }
}
