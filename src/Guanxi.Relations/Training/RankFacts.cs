using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Guanxi.Relations.Artifacts;
using Guanxi.Torch;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Training;

/// <summary>What all processes of a run must have the same.</summary>
internal static class RankFacts
{
    private const long HashedElements = 1 << 24;

    /// <summary>Hashes of a run's facts.</summary>
    /// <param name="arguments">Arguments without gaps.</param>
    /// <param name="subject">Model and rows.</param>
    /// <returns>What it is, and 32 bytes. Files may lie elsewhere on another machine: their content counts.</returns>
    public static IReadOnlyList<(string What, byte[] Hash)> Of(TrainArguments arguments, TrainingSubject subject)
    {
        var text = TrainArgumentsReader.Write(arguments with
        {
            ModelNameOrPath = null, TrainFile = null, EvalFile = null, AdapterNameOrPath = null, LabelsFile = null, PromptTemplate = null, OutputDir = null,
            ResumeFromCheckpoint = null, Device = string.Empty, Threads = 0,
        });
        var model = arguments.ModelNameOrPath is { Length: > 0 } path && Path.Exists(path) ? BaseModelIdentity.Of(path, string.Empty).Sha256 : null;
        return
        [
            ("the arguments", Hash(text)), ("the rows", Hash(subject.DataFingerprint)), ("the base model's files", Hash(model ?? string.Empty)),
            ("the parameters at the start", Hash(subject.Parameters)),
        ];
    }

    /// <summary>Hash of a text.</summary>
    public static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    private static byte[] Hash(IEnumerable<TrainableParameter> parameters)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var mode = Autograd.NoGrad();
        foreach (var item in parameters)
        {
            using var scope = TensorScope.Enter();
            var flat = item.Parameter.Value.Detach().View(item.Parameter.Value.ElementCount);
            hash.AppendData(Encoding.UTF8.GetBytes(item.Name + "\0"));
            for (var start = 0L; start < flat.ElementCount; start += HashedElements)
            {
                using var part = TensorScope.Enter();
                var values = flat.Narrow(0, start, Math.Min(HashedElements, flat.ElementCount - start)).ToArray<float>();
                hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan()));
            }
        }

        return hash.GetHashAndReset();
    }
}
