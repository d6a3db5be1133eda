using System.Text.Json;
using Guanxi.Relations.Training;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Training;

namespace Guanxi.Relations.Tests.Training;

/// <summary>A folder with a tiny base, rows, and runs made in it.</summary>
internal sealed class TrainingFolder : IDisposable, ITrainingProgress
{
    // Wide enough that adapters of rank 64 have moments in 8 bits.
    private const string DecoderConfiguration =
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 96,
         "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 512, "rms_norm_eps": 1e-6,
         "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "hidden_act": "silu", "tie_word_embeddings": false}
        """;

    private const string EncoderConfiguration =
        """
        {"architectures": ["BertForMaskedLM"], "model_type": "bert", "vocab_size": 1000, "hidden_size": 32, "intermediate_size": 48,
         "num_hidden_layers": 1, "num_attention_heads": 4, "max_position_embeddings": 64, "type_vocab_size": 2, "hidden_act": "gelu"}
        """;

    private readonly string _path = Directory.CreateTempSubdirectory("guanxi-run-").FullName;

    public List<string> Notes { get; } = [];

    public List<EvalStep> Evaluations { get; } = [];

    public Action<TrainStep> Stepping { get; set; } = _ => { };

    public string this[string name] => Path.Combine(_path, name);

    public static string Rows(int count) => string.Concat(Enumerable.Range(0, count).Select(
        i => $"{TinyLanguageModel.Labels[i % 3]}\t<e1>贾宝玉</e1>与<e2>林黛玉</e2>第{i}回相见，说{(i % 3 == 0 ? "父亲" : i % 3 == 1 ? "夫人" : "先生")}。\n"));

    public TrainingFolder WithDecoder(bool hasWeights = true)
    {
        Copy("base", DecoderConfiguration, "nano-spm");
        if (hasWeights)
        {
            using var model = LanguageModel.Fresh(this["base"], new LanguageModelOptions(), seed: 1);
            ModelWriter.Write(model.Decoder, this["base"], DType.Float32, ModelWriter.DefaultShardBytes);
        }

        return this;
    }

    public TrainingFolder WithEncoder()
    {
        Copy("base", EncoderConfiguration, "nano-wordpiece");
        return this;
    }

    public string Add(string name, string text)
    {
        File.WriteAllText(this[name], text);
        return this[name];
    }

    public TrainArguments Arguments(string run, params (string Key, string Value)[] keys)
    {
        (string Key, string Value)[] common =
        [
            ("model_name_or_path", this["base"]), ("output_dir", this[run]), ("per_device_train_batch_size", "4"), ("gradient_accumulation_steps", "1"),
            ("gradient_checkpointing", "false"), ("warmup_steps", "0"), ("dtype", "fp32"), ("prompt_template", "{text}"),
        ];
        return TrainArgumentsReader.Read(null, [.. common.Concat(keys).Select(item => KeyValuePair.Create(item.Key, item.Value))], Notes.Add);
    }

    public bool Run(TrainArguments arguments, int stopAfter = 0)
    {
        using var stop = new CancellationTokenSource();
        Stepping = step =>
        {
            if (step.Step == stopAfter)
            {
                stop.Cancel();
            }
        };
        return TrainingJob.Run(arguments, this, TimeProvider.System, stop.Token);
    }

    public JsonElement[] Log(string run) =>
        [.. File.ReadLines(Path.Combine(this[run], "train_log.jsonl")).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];

    public string[] Checkpoints(string run) => [.. Directory.GetDirectories(this[run], "checkpoint-*").Select(path => Path.GetFileName(path)).Order()];

    public void Note(string text) => Notes.Add(text);

    public void Begin(TrainingPlan plan, int firstStep)
    {
    }

    public void Step(TrainStep step) => Stepping(step);

    public void Evaluated(EvalStep evaluated) => Evaluations.Add(evaluated);

    public void Dispose() => Directory.Delete(_path, recursive: true);

    private void Copy(string name, string configuration, string tokenizer)
    {
        Directory.CreateDirectory(this[name]);
        File.WriteAllText(Path.Combine(this[name], "config.json"), configuration);
        foreach (var file in Directory.GetFiles(Golden.Locate($"tokenizers/{tokenizer}")).Where(file => !file.Contains("case", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(this[name], Path.GetFileName(file)));
        }
    }
}
