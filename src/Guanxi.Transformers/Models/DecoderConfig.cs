using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Models;

/// <summary>Shape and constants of a decoder-only language model, as its Hugging Face <c>config.json</c> gives them.</summary>
/// <remarks>
/// Families: LLaMA (grouped or full attention, tied or untied head) and Baichuan-7B (fused query, key and value). A file
/// that asks for anything else is refused with every offending key named, never read in part.
/// </remarks>
public sealed record DecoderConfig
{
    /// <summary>File name inside a model folder.</summary>
    public const string FileName = "config.json";

    /// <summary>Class name of the model in transformers, e.g. <c>LlamaForCausalLM</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Family: <c>llama</c> or <c>baichuan</c>.</summary>
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

    /// <summary>Width of one head; even.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Added to the mean square in every RMSNorm.</summary>
    public required double RmsNormEpsilon { get; init; }

    /// <summary>Base of the rotary position frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Longest sequence the model was made for, in tokens.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Whether the head's weight is the embedding's.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>Whether query, key and value come from one matrix <c>W_pack</c> (Baichuan-7B).</summary>
    public required bool FusedQueryKeyValue { get; init; }

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

    /// <summary>Number of weights, the quantised ones counted as what they stand for, a tied head once.</summary>
    public long ParameterCount
    {
        get
        {
            long hidden = HiddenSize;
            var embedding = VocabularySize * hidden;
            var attention = hidden * HeadDim * (2L * HeadCount + 2L * KeyValueHeadCount);
            var feedForward = 3 * hidden * IntermediateSize;
            var norms = 2 * hidden;
            return embedding * (TieWordEmbeddings ? 1 : 2) + LayerCount * (attention + feedForward + norms) + hidden;
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
