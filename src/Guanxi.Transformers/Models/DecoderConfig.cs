using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Models;

/// <summary>Shape and constants of a decoder-only language model, as its Hugging Face <c>config.json</c> gives them.</summary>
/// <remarks>
/// Families: LLaMA 1 to 3, Mistral, Qwen2 and 2.5, Qwen3, Baichuan-7B and 13B, Baichuan2-7B and 13B. A file that asks for anything else
/// is refused with every offending key named, never read in part.
/// </remarks>
public sealed record DecoderConfig
{
    /// <summary>File name inside a model folder.</summary>
    public const string FileName = "config.json";

    /// <summary>Class name of the model in transformers, e.g. <c>LlamaForCausalLM</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Family: <c>llama</c>, <c>mistral</c>, <c>qwen2</c>, <c>qwen3</c> or <c>baichuan</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>Rows of embedding and head.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the hidden state.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width inside the feed-forward part.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of decoder layers.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Number of query heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Number of key and value heads; divides <see cref="HeadCount"/>.</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>Width of one head; even where positions are rotary.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Added to the mean square in every RMSNorm.</summary>
    public required double RmsNormEpsilon { get; init; }

    /// <summary>Base of the rotary position frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Longest sequence the model was made for, in tokens.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Whether the head's weight is the embedding's.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>Whether query, key and value come from one matrix <c>W_pack</c> (Baichuan).</summary>
    public required bool FusedQueryKeyValue { get; init; }

    /// <summary>How the rotary frequencies are stretched (LLaMA 3.1); null for not at all.</summary>
    /// <value>Null.</value>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Whether positions are told by ALiBi instead of by rotation (Baichuan-13B).</summary>
    /// <value>False.</value>
    public bool UsesAlibi { get; init; }

    /// <summary>Whether the head's rows are divided by their length (Baichuan2).</summary>
    /// <value>False.</value>
    public bool HasNormHead { get; init; }

    /// <summary>Whether query, key and value have a bias (Qwen2).</summary>
    /// <value>False.</value>
    public bool HasQueryKeyValueBias { get; init; }

    /// <summary>Whether every head of query and key is normalised before it is rotated (Qwen3).</summary>
    /// <value>False.</value>
    public bool HasQueryKeyNorm { get; init; }

    /// <summary>Most tokens that a token sees, itself included (Mistral); 0 for all.</summary>
    /// <value>0.</value>
    public int SlidingWindow { get; init; }

    /// <summary>First layer that <see cref="SlidingWindow"/> counts for (Qwen2).</summary>
    /// <value>0.</value>
    public int FirstWindowLayer { get; init; }

    /// <summary>Id that begins a sequence, or null.</summary>
    public required int? BosId { get; init; }

    /// <summary>Ids that end a sequence; may be empty.</summary>
    public required IReadOnlyList<int> EosIds { get; init; }

    /// <summary>Id that fills up a batch, or null.</summary>
    public required int? PadId { get; init; }

    /// <summary>Standard deviation of freshly made weights.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>Floating-point type the file says its weights are stored in; null when it says none.</summary>
    public DType? StorageType { get; init; }

    /// <summary>How the linear layers are quantised; null when they are not.</summary>
    public QuantizationConfig? Quantization { get; init; }

    /// <summary>Longest row that the model reads: its positions; with dynamic scaling any that fits into memory.</summary>
    public int LongestRow => RopeScaling is { IsDynamic: true } ? int.MaxValue / 2 : MaxPositions;

    /// <summary>The key <c>auto_map</c> as it stands, which names the author's own classes for programs that run them; null without it.</summary>
    /// <remarks>Nothing here follows it; it is kept for a model that is written again.</remarks>
    public string? AuthorClasses { get; init; }

    /// <summary>Number of weights, the quantised ones counted as what they stand for, a tied head once.</summary>
    public long ParameterCount
    {
        get
        {
            long hidden = HiddenSize;
            var embedding = VocabularySize * hidden;
            var attention = hidden * HeadDim * (2L * HeadCount + 2L * KeyValueHeadCount);
            var feedForward = 3 * hidden * IntermediateSize;
            var norms = (2 * hidden) + (HasQueryKeyNorm ? 2 * HeadDim : 0);
            var biases = HasQueryKeyValueBias ? HeadDim * (HeadCount + (2L * KeyValueHeadCount)) : 0;
            return embedding * (TieWordEmbeddings ? 1 : 2) + LayerCount * (attention + feedForward + norms + biases) + hidden;
        }
    }

    /// <summary>Reads the configuration of a model folder.</summary>
    /// <param name="path">The folder, the configuration file itself, or a GGUF file, whose keys say the same.</param>
    /// <returns>The configuration.</returns>
    /// <exception cref="CheckpointException">
    /// The file is missing, damaged, or asks for what is not supported; all problems are listed.
    /// </exception>
    public static DecoderConfig Read(string path) =>
        DecoderConfigReader.Read(Directory.Exists(path) ? Path.Combine(path, FileName) : path);

    /// <summary>Writes <c>config.json</c> into a model folder, in the spelling that transformers of any version loads.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Write(string folder) => DecoderConfigWriter.Write(this, Path.Combine(folder, FileName));
}
