using Guanxi.Cli.Tests.Commands;
using Guanxi.Relations;
using Guanxi.TestKit;

namespace Guanxi.Cli.Tests.Server;

/// <summary>
/// A tiny model of every method, each trained for a few steps by the program when it is first asked for. Tests of several classes read
/// them: none may change them.
/// </summary>
public sealed class TrainedMethodsFixture : IDisposable
{
    /// <summary>A language model whose matrices are in 4 bits, with an adapter.</summary>
    public const string FourBits = "llm-4bit";

    /// <summary>Shape of the encoder.</summary>
    public const string Encoder =
        """
        {"architectures": ["BertForMaskedLM"], "model_type": "bert", "vocab_size": 1000, "hidden_size": 32, "intermediate_size": 48,
         "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "type_vocab_size": 2, "hidden_act": "gelu"}
        """;

    private const string Decoder =
        """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 128,
         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "hidden_act": "silu", "max_position_embeddings": 512,
         "initializer_range": 0.02, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "attention_bias": false, "mlp_bias": false,
         "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
        """;

    private readonly TemporaryFolder _folder = new();
    private string? _rows;

    /// <summary>Rows of the sample.</summary>
    public string Rows => _rows ??= _folder.Add("rows.tsv", TrainedModelFixture.SampleLines("train.tsv", every: 11, 60));

    /// <summary>The folder of a method's model.</summary>
    public string ModelOf(string method)
    {
        var model = _folder[method];
        if (Directory.Exists(model))
        {
            return model;
        }

        switch (method)
        {
            case Methods.Tfidf:
                Train("--method", method, "--output_dir", model);
                break;
            case Methods.Llm:
                Train("--model_name_or_path", DecoderBase(), "--output_dir", model, "--max_steps", "2", "--train_mode", "full", "--max_seq_length", "300");
                break;
            case FourBits:
                var small = _folder["base-4bit"];
                ChildProgram.Run("quantize", "--model", DecoderBase(), "--save_path", small).Expect(ExitCode.Done);
                Train("--model_name_or_path", small, "--output_dir", model, "--max_steps", "2", "--lora_rank", "4", "--max_seq_length", "300");
                break;
            default:
                Train("--method", method, "--model_name_or_path", Copy("nano-wordpiece", "encoder", Encoder), "--output_dir", model, "--max_steps", "2", "--max_seq_length", "64");
                break;
        }

        return model;
    }

    public void Dispose() => _folder.Dispose();

    private void Train(params string[] words) => ChildProgram.Run(["train", "--train_file", Rows, .. words]).Expect(ExitCode.Done);

    /// <summary>A base with weights: a run of one step writes them.</summary>
    private string DecoderBase()
    {
        var folder = _folder["decoder"];
        if (!Directory.Exists(folder))
        {
            var text = _folder.Add("text.txt", File.ReadLines(Rows).Skip(1));
            ChildProgram.Run("train", "--task_type", "pretrain", "--train_mode", "full", "--model_name_or_path", Copy("nano-spm", "shape", Decoder),
                "--train_file", text, "--output_dir", folder, "--max_steps", "1", "--max_seq_length", "64").Expect(ExitCode.Done);
        }

        return folder;
    }

    private string Copy(string tokenizer, string name, string config)
    {
        if (!Directory.Exists(_folder[name]))
        {
            _folder.Copy(Golden.Locate($"tokenizers/{tokenizer}"), name);
            _folder.Add($"{name}/config.json", config);
        }

        return _folder[name];
    }
}
