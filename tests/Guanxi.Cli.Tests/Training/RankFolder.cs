using System.Globalization;
using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Cli.Tests.Training;

/// <summary>A folder with the rows of the golden training cases and runs over them, by one process or several.</summary>
internal sealed class RankFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _rows;

    public RankFolder() =>
        _rows = _folder.Add("rows.jsonl", Golden.Json("training/rows.json").EnumerateArray().Select(row => row.GetRawText().ReplaceLineEndings(" ")));

    public string this[string name] => _folder[name];

    /// <summary>The adapter that the golden cases begin with.</summary>
    public string InitialAdapter()
    {
        Directory.CreateDirectory(_folder["initial"]);
        File.Copy(Golden.Locate("training/lora_initial.safetensors"), Path.Combine(_folder["initial"], "adapter_model.safetensors"));
        var lora = Golden.Json("training/lora_linear/case.json").GetProperty("lora");
        _folder.Add(
            "initial/adapter_config.json",
            $$"""
            {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": {{lora.GetProperty("r")}}, "lora_alpha": {{lora.GetProperty("lora_alpha")}}, "lora_dropout": 0.0,
             "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], "base_model_name_or_path": null}
            """);
        return _folder["initial"];
    }

    /// <summary>Words of a run; one thread a process, so that its products have the same bits everywhere.</summary>
    public string[] Call(string run, params string[] more) =>
    [
        "train", "--model_name_or_path", Golden.Locate("training/base"), "--train_file", _rows, "--output_dir", _folder[run], "--dtype", "fp32", "--threads", "1",
        "--gradient_checkpointing", "false", "--warmup_steps", "0", .. more,
    ];

    /// <summary>Runs one call as several processes under torchrun's variables.</summary>
    public static ChildProgram[] Start(int worldSize, Func<int, string[]> call)
    {
        var port = Loopback.FreePort().ToString(CultureInfo.InvariantCulture);
        return [.. Enumerable.Range(0, worldSize).Select(rank => ChildProgram.Start("", Variables(rank, worldSize, "127.0.0.1", port), call(rank)))];
    }

    public static Dictionary<string, string> Variables(int rank, int worldSize, string host, string port) => new()
    {
        ["RANK"] = $"{rank}", ["WORLD_SIZE"] = $"{worldSize}", ["LOCAL_RANK"] = $"{rank}", ["LOCAL_WORLD_SIZE"] = $"{worldSize}", ["MASTER_ADDR"] = host, ["MASTER_PORT"] = port,
    };

    public JsonElement[] Log(string run) =>
        [.. File.ReadLines(Path.Combine(_folder[run], "train_log.jsonl")).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];

    public double[] Losses(string run) => [.. Log(run).Select(line => line.GetProperty("loss").GetDouble())];

    public byte[] Bytes(string file) => File.ReadAllBytes(_folder[file]);

    /// <summary>Differences of all elements of two files, from the smallest.</summary>
    public static double[] Differences(string expected, string actual)
    {
        using var left = SafetensorsFile.Open(expected);
        using var right = SafetensorsFile.Open(actual);
        return [.. left.Entries.Keys.SelectMany(name => Floats(left, name).Zip(Floats(right, name), (one, other) => (double)Math.Abs(one - other))).Order()];
    }

    public void CopyCheckpoint(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[to])!);
        _folder.Copy(_folder[from], to);
    }

    public void Dispose() => _folder.Dispose();

    private static float[] Floats(SafetensorsFile file, string name) =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(file.ReadBytes(name)).ToArray();
}
