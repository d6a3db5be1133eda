using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Models;

/// <summary>Shape and constants of a BERT, as its Hugging Face <c>config.json</c> gives them.</summary>
/// <remarks>Chinese RoBERTa-wwm and MacBERT call themselves BERT and are. A file that asks for anything else is refused with every
/// offending key named, never read in part.</remarks>
public sealed record EncoderConfig
{
    /// <summary>The family: <c>bert</c>.</summary>
    public const string ModelType = "bert";

    /// <summary>Rows of the embedding.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the hidden state.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width inside the feed-forward part.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of layers.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Number of heads; divides <see cref="HiddenSize"/>.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Longest sequence, in tokens.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Kinds of tokens: two, where a text may have two parts.</summary>
    public required int TokenTypeCount { get; init; }

    /// <summary>Added to the variance in every layer norm.</summary>
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Dropout of embeddings and of what a layer adds, in training.</summary>
    public required double HiddenDropout { get; init; }

    /// <summary>Dropout of attention weights, in training.</summary>
    public required double AttentionDropout { get; init; }

    /// <summary>Dropout of the pooled state before the classifier, in training.</summary>
    public required double ClassifierDropout { get; init; }

    /// <summary>Id that fills up a batch, or null.</summary>
    public required int? PadId { get; init; }

    /// <summary>Standard deviation of freshly made weights.</summary>
    public required double InitializerRange { get; init; }

    /// <summary>What stands on top according to the file; the weights may have less.</summary>
    public required EncoderHead Head { get; init; }

    /// <summary>Names of the classes, in the order of their scores; empty where the head has none.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Floating-point type the file says its weights are stored in; null when it says none.</summary>
    /// <value>Null.</value>
    public DType? StorageType { get; init; }

    /// <summary>Width of a head.</summary>
    public int HeadDim => HiddenSize / HeadCount;

    /// <summary>Class name of the model in transformers, e.g. <c>BertForSequenceClassification</c>.</summary>
    public string Architecture => EncoderConfigFile.NameOf(Head);

    /// <summary>Number of weights; a pooler is counted except below a <see cref="EncoderHead.MaskedLanguage"/>.</summary>
    public long ParameterCount
    {
        get
        {
            long hidden = HiddenSize;
            var square = (hidden * hidden) + hidden;
            var embeddings = (hidden * ((long)VocabularySize + MaxPositions + TokenTypeCount)) + (2 * hidden);
            var layer = (4 * square) + (2 * hidden * IntermediateSize) + IntermediateSize + hidden + (4 * hidden);
            var top = Head switch
            {
                EncoderHead.Classification => square + (Labels.Count * (hidden + 1)),
                EncoderHead.EntityPair => (3 * square) + (Labels.Count * ((3 * hidden) + 1)),
                EncoderHead.MaskedLanguage => square + (2 * hidden) + VocabularySize,
                _ => square,
            };
            return embeddings + (LayerCount * layer) + top;
        }
    }

    /// <summary>Reads the configuration of a model folder.</summary>
    /// <param name="path">The folder, or the configuration file itself.</param>
    /// <returns>The configuration.</returns>
    /// <exception cref="CheckpointException">
    /// The file is missing, damaged, or asks for what is not supported; all problems are listed.
    /// </exception>
    public static EncoderConfig Read(string path) =>
        EncoderConfigFile.Read(Directory.Exists(path) ? Path.Combine(path, DecoderConfig.FileName) : path);

    /// <summary>Writes <c>config.json</c> into a model folder.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Write(string folder) => EncoderConfigFile.Write(this, Path.Combine(folder, DecoderConfig.FileName));
}

/// <summary>What stands on top of an encoder.</summary>
public enum EncoderHead
{
    /// <summary>Nothing: hidden states and, where the weights have it, the pooled state.</summary>
    None,

    /// <summary>Scores of classes from the pooled state.</summary>
    Classification,

    /// <summary>Scores of all tokens at every place.</summary>
    MaskedLanguage,

    /// <summary>Scores of classes from the states of two spans and the pooled state: R-BERT (arXiv 1905.08284).</summary>
    EntityPair,
}
