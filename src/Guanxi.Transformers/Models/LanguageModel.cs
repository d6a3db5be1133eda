using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Gguf;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Transformers.Models;

/// <summary>A language model in memory with what belongs to it: configuration, tokenizer, adapter.</summary>
public sealed class LanguageModel : IDisposable
{
    private readonly CheckpointReader? _reader;
    private readonly LoadedTokenizer _tokenizer;

    private LanguageModel(ModelFolder folder, LanguageModelOptions options, Decoder decoder, CheckpointReader? reader)
    {
        BaseFolder = folder.Base;
        AdapterFolder = folder.Adapter;
        Decoder = decoder;
        Evaluation = new ForwardContext(options.ComputeType, null);
        _reader = reader;
        _tokenizer = new LoadedTokenizer(folder.LoadTokenizer);
    }

    /// <summary>Folder of the full model.</summary>
    public string BaseFolder { get; }

    /// <summary>Folder of the adapter, or null.</summary>
    public string? AdapterFolder { get; }

    /// <summary>The model.</summary>
    public Decoder Decoder { get; }

    /// <summary>Shape and constants of the model.</summary>
    public DecoderConfig Config => Decoder.Config;

    /// <summary>The adapter, or null.</summary>
    public AdapterModel? Adapter { get; private set; }

    /// <summary>The tokenizer; null when there is none or it cannot be read.</summary>
    public ITokenizer? Tokenizer => _tokenizer.Value;

    /// <summary>A forward pass in the compute type without dropout.</summary>
    public ForwardContext Evaluation { get; }

    /// <summary>Loads a model.</summary>
    /// <param name="path">A Hugging Face model folder, or a PEFT adapter folder.</param>
    /// <param name="options">Form in memory, compute type and device.</param>
    /// <returns>The model, owned by the caller.</returns>
    /// <exception cref="CheckpointException">
    /// A file is missing, damaged or of a kind that is not supported; all problems are listed.
    /// </exception>
    public static LanguageModel Load(string path, LanguageModelOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        var folder = ModelFolder.Find(path, options.BaseModel);
        var config = DecoderConfig.Read(folder.Base);
        var reader = CheckpointReader.Open(folder.Base);
        Decoder? decoder = null;
        LanguageModel? model = null;
        try
        {
            decoder = Build(config, reader, options);
            model = new LanguageModel(folder, options, decoder, reader);
            if (folder.Adapter is not null)
            {
                model.Adapter = AdapterModel.Load(decoder, folder.Adapter, options.IsAdapterTrainable);
            }

            return model;
        }
        catch
        {
            decoder?.Dispose();
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Makes a model without weights of its own: the configuration and tokenizer of a folder, and a random start.</summary>
    /// <param name="folder">A folder with config.json.</param>
    /// <param name="options">Compute type.</param>
    /// <param name="seed">Seed of the weights.</param>
    /// <returns>The model in Float32, owned by the caller.</returns>
    /// <exception cref="CheckpointException">The configuration is missing, damaged or not supported.</exception>
    public static LanguageModel Fresh(string folder, LanguageModelOptions options, long seed)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(options);
        var config = DecoderConfig.Read(folder);
        var decoder = new Decoder(config, new RandomWeights(seed, config.InitializerRange, DType.Float32));
        return new LanguageModel(new ModelFolder(folder, null), options, decoder, null);
    }

    /// <summary>Whether a path holds weights of any kind.</summary>
    /// <param name="path">A model folder or a GGUF file.</param>
    /// <returns>False when there is nothing but a configuration.</returns>
    public static bool HasWeights(string path) => Directory.Exists(path)
        ? Directory.EnumerateFiles(path).Any(file => Path.GetExtension(file) is ".safetensors" or ".bin" or ".gguf" or ".pt" or ".pth")
        : GgufFile.IsNamed(path) && File.Exists(path);

    /// <summary>The tokenizer, for calls that give text.</summary>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="CheckpointException">There is none, or it cannot be read.</exception>
    public ITokenizer RequireTokenizer() => _tokenizer.Require();

    /// <summary>Releases the weights and closes the files.</summary>
    public void Dispose()
    {
        Decoder.Dispose();
        _reader?.Dispose();
    }

    private static Decoder Build(DecoderConfig config, CheckpointReader reader, LanguageModelOptions options)
    {
        var weights = new CheckpointWeights(reader, new WeightLoading
        {
            StorageType = options.Storage == WeightStorage.Float32 ? DType.Float32 : null,
            IsMapped = options.Storage != WeightStorage.Float32 && options.Device.IsCpu,
            Quantization = options.Storage switch
            {
                WeightStorage.Nf4 => new QuantizationOptions(FourBitKind.Nf4, options.UseDoubleQuantization),
                WeightStorage.Fp4 => new QuantizationOptions(FourBitKind.Fp4, options.UseDoubleQuantization),
                WeightStorage.Int8 => new QuantizationOptions(null, IsDouble: false),
                _ => null,
            },
            RoundBeforeQuantizing = options.LoadType,
            AuthorComputeType = config.Quantization?.HalfComputeType,
            Device = options.Device,
        });
        var decoder = new Decoder(config, weights);
        try
        {
            weights.Finish(name => MayBeLeft(name, config));
            return decoder;
        }
        catch
        {
            decoder.Dispose();
            throw;
        }
    }

    // Tables that old checkpoints hold beside the weights, and the second copy of a tied head.
    private static bool MayBeLeft(string name, DecoderConfig config) =>
        name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal) || name == GgufRopeFactors.TensorName
        || (config.TieWordEmbeddings && name == "lm_head.weight");
}
