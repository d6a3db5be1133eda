using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Peft;

/// <summary>The weights file of a PEFT adapter folder.</summary>
internal static class AdapterFolder
{
    /// <summary>File name of the weights.</summary>
    public const string WeightsName = "adapter_model.safetensors";

    /// <summary>What PEFT puts before the path of a module in its base.</summary>
    public const string Prefix = "base_model.model.";

    /// <summary>File name of the weights before safetensors.</summary>
    private const string OldWeightsName = "adapter_model.bin";

    /// <summary>Opens the weights of a folder.</summary>
    /// <exception cref="CheckpointException">There are none, they are damaged, or of a kind that is not read.</exception>
    public static CheckpointReader Open(string folder)
    {
        foreach (var name in new[] { WeightsName, OldWeightsName })
        {
            var path = Path.Combine(folder, name);
            if (File.Exists(path))
            {
                return CheckpointReader.Open(path);
            }
        }

        throw new CheckpointException(new Problem(folder, "the adapter's weights are missing", WeightsName));
    }

    /// <summary>Checks that the weights are those of the plan: every missing, unexpected or mis-shaped tensor is told.</summary>
    /// <exception cref="CheckpointException">They are not.</exception>
    public static void Check(CheckpointReader reader, AdapterPlan plan)
    {
        var problems = new List<Problem>();
        var expected = new HashSet<string>(StringComparer.Ordinal);
        foreach (var place in plan.Places)
        {
            Expect(place.DownName, place.DownShape);
            Expect(place.UpName, place.UpShape);
            if (plan.Config.UseDora)
            {
                Expect(place.MagnitudeName, place.MagnitudeShape);
            }
        }

        foreach (var saved in plan.Saved)
        {
            Expect(saved.Name, saved.Parameter.Value.Shape.ToArray());
        }

        problems.AddRange(reader.Names.Where(name => !expected.Contains(name))
            .Select(name => new Problem(reader.Source, $"tensor {FileErrors.Quote(name)} is not expected in this adapter")));
        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }

        void Expect(string name, long[] shape)
        {
            expected.Add(name);
            if (!reader.TryGet(name, out var file, out var entry))
            {
                problems.Add(new Problem(reader.Source, $"tensor '{name}' is missing", Show(shape)));
            }
            else if (!entry.Shape.AsSpan().SequenceEqual(shape))
            {
                problems.Add(new Problem(
                    file.FilePath, $"tensor '{name}' has another shape", Show(shape), Show(entry.Shape),
                    "The adapter may belong to another base."));
            }
            else if (!entry.DType.IsFloatingPoint())
            {
                problems.Add(new Problem(
                    file.FilePath, $"tensor '{name}' holds no real numbers", "a floating-point type", $"{entry.DType}"));
            }
        }
    }

    /// <summary>Copies a checked tensor in single precision, in which adapters are trained.</summary>
    /// <returns>The tensor, owned by the current scope.</returns>
    public static Tensor Read(CheckpointReader reader, string name, Device device)
    {
        _ = reader.TryGet(name, out var file, out var entry);
        using var scope = TensorScope.Enter();
        var stored = file!.ToTensor(entry!);
        var copy = stored.To(DType.Float32).ToDevice(device);
        return scope.Keep(copy == stored ? stored.Clone() : copy);
    }

    private static string Show(long[] shape) => $"[{string.Join(", ", shape)}]";
}
