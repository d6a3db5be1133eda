using System.Globalization;
using System.Runtime.InteropServices;
using Guanxi.Torch;

namespace Guanxi.Cli.Benchmarks;

/// <summary>What this machine is.</summary>
internal static class Machine
{
    private const string ProcessorFile = "/proc/cpuinfo";
    private const string NameKey = "model name";
    private const string FlagsKey = "flags";
    private const string Unknown = "unknown";

    // Those that decide which code runs, from the oldest to the newest.
    private static readonly string[] s_instructionSets =
        ["avx", "f16c", "fma", "avx2", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16"];

    /// <summary>Name of the processor.</summary>
    public static string Processor { get; } = ValueOf(NameKey) ?? Unknown;

    /// <summary>Its instruction sets that matter here.</summary>
    public static IReadOnlyList<string> InstructionSets { get; } =
        [.. s_instructionSets.Intersect((ValueOf(FlagsKey) ?? string.Empty).Split(' '))];

    /// <summary>Memory that this process can have at most.</summary>
    public static long MemoryBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Everything that a figure depends on beside the program: a name and a value each.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Facts() =>
    [
        new("Processor", Processor),
        new("Instruction sets", string.Join(", ", InstructionSets)),
        new("Threads", string.Create(CultureInfo.InvariantCulture, $"{TorchRuntime.Threads} of {Environment.ProcessorCount} processors")),
        new("Memory", Bytes.Show(MemoryBytes)),
        new("System", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}"),
        new("libtorch", $"{TorchRuntime.Version}, kernels for {TorchRuntime.CpuCapability}"),
        new("Guanxi", $"{ProgramVersion.Number}, commit {ProgramVersion.ShortCommit}"),
    ];

    private static string? ValueOf(string key) => !File.Exists(ProcessorFile) ? null : File.ReadLines(ProcessorFile)
        .Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
        .FirstOrDefault(line => line is [var name, _] && name == key)?[1];
}
