using Guanxi.TestKit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary>A tiny model that was pretrained for a step and trained for three on rows of the sample, by the program itself.</summary>
public sealed class TrainedModelFixture : IDisposable
{
    private const string Config =
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, "hidden_size": 32, "intermediate_size": 64,
         "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 512,
         "initializer_range": 0.02, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "attention_bias": false, "mlp_bias": false,
         "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
        """;

    private const int SampleRows = 60;

    private readonly TemporaryFolder _folder = new();

    public TrainedModelFixture()
    {
        if (Golden.TryPath("tokenizers/nano-spm") is not { } tokenizer)
        {
            // The tests that use this are skipped then.
            return;
        }

        var shape = _folder.Copy(tokenizer, "shape");
        _folder.Add("shape/config.json", Config);
        Rows = _folder.Add("rows.tsv", SampleLines("train.tsv", every: 11, SampleRows));
        var text = _folder.Add("text.txt", File.ReadLines(Rows).Skip(1));
        ChildProgram.Run("train", "--task_type", "pretrain", "--train_mode", "full", "--model_name_or_path", shape, "--train_file", text,
            "--output_dir", Base, "--max_steps", "1", "--max_seq_length", "64").Expect(ExitCode.Done);
        ChildProgram.Run("train", "--model_name_or_path", Base, "--train_file", Rows, "--output_dir", Model, "--max_steps", "3", "--lora_rank", "4",
            "--prompt_template", "{text}{people1}和{people2}：", "--max_seq_length", "400").Expect(ExitCode.Done);
    }

    /// <summary>The base.</summary>
    public string Base => _folder["base"];

    /// <summary>The trained adapter.</summary>
    public string Model => _folder["model"];

    /// <summary>The training rows.</summary>
    public string Rows { get; } = "";

    public void Dispose() => _folder.Dispose();

    /// <summary>Rows of the sample, from all over it so that every label occurs, with the header.</summary>
    public static IEnumerable<string> SampleLines(string name, int every, int count) =>
        File.ReadLines(Path.Combine(Golden.RepositoryRoot, "examples", "people", name)).Where((_, at) => at == 0 || at % every == 1).Take(count + 1);
}
