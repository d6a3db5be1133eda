using Guanxi.TestKit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary>
/// A tiny model that was pretrained for a step and trained for three on rows of the sample, by the program itself, when the first test
/// wants it. Tests of several classes read it: none may change it.
/// </summary>
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
    private readonly Lazy<string> _rows;
    private readonly Lazy<string> _base;
    private readonly Lazy<string> _model;

    public TrainedModelFixture() =>
        (_rows, _base, _model) = (new(() => _folder.Add("rows.tsv", SampleLines("train.tsv", every: 11, SampleRows))), new(Pretrain), new(Train));

    /// <summary>The base.</summary>
    public string Base => _base.Value;

    /// <summary>The trained adapter.</summary>
    public string Model => _model.Value;

    /// <summary>The training rows.</summary>
    public string Rows => _rows.Value;

    public void Dispose() => _folder.Dispose();

    /// <summary>Rows of the sample, from all over it so that every label occurs, with the header.</summary>
    public static IEnumerable<string> SampleLines(string name, int every, int count) =>
        File.ReadLines(Path.Combine(Golden.RepositoryRoot, "examples", "people", name)).Where((_, at) => at == 0 || at % every == 1).Take(count + 1);

    private string Pretrain()
    {
        var shape = _folder.Copy(Golden.Locate("tokenizers/nano-spm"), "shape");
        _folder.Add("shape/config.json", Config);
        var text = _folder.Add("text.txt", File.ReadLines(Rows).Skip(1));
        ChildProgram.Run("train", "--task_type", "pretrain", "--train_mode", "full", "--model_name_or_path", shape, "--train_file", text,
            "--output_dir", _folder["base"], "--max_steps", "1", "--max_seq_length", "64").Expect(ExitCode.Done);
        return _folder["base"];
    }

    private string Train()
    {
        ChildProgram.Run("train", "--model_name_or_path", Base, "--train_file", Rows, "--output_dir", _folder["model"], "--max_steps", "3", "--lora_rank", "4",
            "--prompt_template", "{text}{people1}和{people2}：", "--max_seq_length", "400").Expect(ExitCode.Done);
        return _folder["model"];
    }
}
