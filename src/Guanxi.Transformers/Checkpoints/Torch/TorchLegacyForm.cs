using System.Globalization;
using System.Numerics;
using Guanxi.Torch;

namespace Guanxi.Transformers.Checkpoints.Torch;

/// <summary>The form that torch.save wrote before 1.6: five pickles one after another, then the storages.</summary>
/// <remarks>
/// Source: torch/serialization.py, <c>_legacy_save</c>: magic number, protocol version, facts about the machine, the object, the
/// keys of the storages in the order in which they follow, each as a 64-bit element count and its elements.
/// </remarks>
internal static class TorchLegacyForm
{
    private const long ProtocolVersion = 1001;

    private static readonly BigInteger s_magic = BigInteger.Parse("1950a86a20f9469cfc6c", NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>Reads a file of this form.</summary>
    /// <exception cref="CheckpointException">It breaks a rule.</exception>
    public static OrderedDictionary<string, TensorEntry> Read(MappedFile file)
    {
        var input = new MappedReader(file, "legacy form", 0, file.Length);
        var none = new Dictionary<string, TorchStorage>(StringComparer.Ordinal);
        if (!s_magic.Equals(PickleMachine.Load(input, none)) || !ProtocolVersion.Equals(PickleMachine.Load(input, none)))
        {
            throw input.Fault("this is a pickle, but not one of torch.save", $"the magic number and version {ProtocolVersion}", null, null);
        }

        var machine = PickleMachine.Load(input, none) as PickleDict;
        if (machine is null || !machine.Items.Contains(("little_endian", true)))
        {
            throw input.Fault("the elements are not in little-endian order", null, null, "Save the checkpoint again as safetensors.");
        }

        var storages = new Dictionary<string, TorchStorage>(StringComparer.Ordinal);
        var value = PickleMachine.Load(input, storages);
        var keys = PickleMachine.Load(input, none) as List<object?>
            ?? throw input.Fault("the keys of the storages are no list");
        var places = new Dictionary<string, FilePlace>(keys.Count, StringComparer.Ordinal);
        foreach (var key in keys)
        {
            var storage = key is string name && storages.TryGetValue(name, out var known)
                ? known
                : throw input.Fault("a storage follows that no tensor uses", null, FileErrors.Quote($"{key}"), null);
            if (!places.TryAdd(storage.Key, Skip(input, storage)))
            {
                throw input.Fault($"storage {FileErrors.Quote(storage.Key)} follows twice");
            }
        }

        return input.Remaining == 0
            ? TorchStateDict.Read(value, places, file.Path)
            : throw input.Fault("bytes follow the last storage", null, $"{input.Remaining}", null);
    }

    private static FilePlace Skip(MappedReader input, TorchStorage storage)
    {
        var count = input.ReadUInt64();
        var size = (ulong)storage.DType.SizeInBytes();
        if (count != (ulong)storage.Count || count > (ulong)input.Remaining / size)
        {
            throw input.Fault(
                $"storage {FileErrors.Quote(storage.Key)} is of another size",
                $"{storage.Count} elements",
                $"{count}, and {input.Remaining} bytes to the end",
                "The file is damaged or cut off: download it again.");
        }

        var place = new FilePlace(input.Position, (long)(count * size));
        input.MoveTo(place.Offset + place.Length);
        return place;
    }
}
