using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Formats;
using Guanxi.Relations.Tfidf;
using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Peft;

namespace Guanxi.Cli.Inspection;

/// <summary>What is to be known about a model folder without loading the model.</summary>
internal static class ModelInspection
{
    /// <summary>Whether a path is a model or an adapter.</summary>
    public static bool IsModel(string path) => ModelFolder.IsAny(path) || IsTfidf(path);

    /// <summary>Looks at a folder.</summary>
    /// <exception cref="CheckpointException">It is no model, or a file of it is damaged.</exception>
    /// <param name="path">A model, an adapter or a GGUF file.</param>
    /// <param name="baseModel">Folder of an adapter's base, or null.</param>
    /// <param name="work">What training is asked to do, for the memory it takes.</param>
    public static IEnumerable<Fact> Of(string path, string? baseModel, MemoryWork work)
    {
        if (IsTfidf(path))
        {
            return OfTfidf(path);
        }

        var folder = ModelFolder.Find(path, baseModel);
        return EncoderModel.IsEncoder(folder.Base) ? OfEncoder(folder, work) : OfDecoder(folder, work);
    }

    private static bool IsTfidf(string path) => !ModelFolder.IsAny(path) && File.Exists(Path.Combine(path, TfidfModel.FileName));

    private static IEnumerable<Fact> OfTfidf(string path)
    {
        var info = ArtifactInfo.TryRead(path) ?? new ArtifactInfo();
        using var file = SafetensorsFile.Open(Path.Combine(path, TfidfModel.FileName));
        yield return Fact.Of("family", "family", Methods.Tfidf);
        yield return Fact.Of("method", "method", info.Method);
        yield return Fact.Of("parameters", "parameters", file.Entries.Values.Where(entry => entry.Name is TfidfModel.Weights or TfidfModel.Bias).Sum(entry => entry.ElementCount));
        yield return Labels(info.Labels);
        yield return Files(new ModelFolder(path, null));
    }

    private static Fact Labels(IReadOnlyList<string> labels) =>
        new(labels.Count > 0 ? "classes" : null, string.Join(' ', labels), "labels", json => json.List(labels));

    private static IEnumerable<Fact> OfEncoder(ModelFolder folder, MemoryWork work)
    {
        var config = EncoderConfig.Read(folder.Base);
        var stored = StoredType(folder.Base) ?? config.StorageType;
        yield return Fact.Of("family", "family", EncoderConfig.ModelType);
        yield return Fact.Of("architecture", "architecture", config.Architecture);
        yield return Fact.Of("parameters", "parameters", config.ParameterCount);
        yield return Fact.Of("layers", "layers", config.LayerCount);
        yield return new Fact("heads", $"{config.HeadCount}, {config.HeadDim} wide", "heads", json => json.Value(config.HeadCount));
        yield return Fact.Of("hidden size", "hidden_size", config.HiddenSize);
        yield return Fact.Of("inner size", "intermediate_size", config.IntermediateSize);
        yield return Fact.Of("vocabulary", "vocabulary", config.VocabularySize);
        yield return Fact.Of("positions", "max_positions", config.MaxPositions);
        var info = ArtifactInfo.TryRead(folder.Base);
        yield return Fact.Of("method", "method", info?.Method);
        yield return new Fact(info?.LinearShare is null ? null : "linear share", $"{info?.LinearShare:P0} of every answer", "linear_share", json => json.Value(info?.LinearShare));
        yield return Labels(info is { Labels.Count: > 0 } ? info.Labels : config.Labels);
        yield return Fact.Of("stored as", "dtype", Name(stored));
        yield return Files(folder);
        yield return Tokenizer(folder);
        config = config with { StorageType = stored };

        // As train does it with encoders, unless it is told otherwise.
        work = work with { RowTokens = Math.Min(work.RowTokens, config.MaxPositions), IsCheckpointed = false };
        var memory = Memory(
            [("full", "full", EncoderMemory.TrainingBytes(config, work)), ("serving", "serve", EncoderMemory.ServingBytes(config, work))],
            $"training with {work.Rows} rows of {work.RowTokens} tokens");
        foreach (var fact in memory)
        {
            yield return fact;
        }
    }

    private static IEnumerable<Fact> OfDecoder(ModelFolder folder, MemoryWork work)
    {
        var config = DecoderConfig.Read(folder.Base);
        var stored = StoredType(folder.Base);
        yield return Fact.Of("family", "family", config.ModelType);
        yield return Fact.Of("architecture", "architecture", config.Architecture);
        yield return Fact.Of("parameters", "parameters", config.ParameterCount);
        yield return Fact.Of("layers", "layers", config.LayerCount);
        yield return Heads(config);
        yield return new Fact(null, string.Empty, "key_value_heads", json => json.Value(config.KeyValueHeadCount));
        yield return Fact.Of("hidden size", "hidden_size", config.HiddenSize);
        yield return Fact.Of("inner size", "intermediate_size", config.IntermediateSize);
        yield return Fact.Of("vocabulary", "vocabulary", config.VocabularySize);
        yield return Fact.Of("positions", "max_positions", config.MaxPositions);
        yield return Fact.Of("stored as", "dtype", Name(stored ?? config.StorageType));
        yield return Fact.Of("quantised", "quantization", config.Quantization?.QuantType);
        yield return Files(folder);
        yield return Tokenizer(folder);
        yield return Adapter(folder);
        var needed = MemoryEstimate.Of(config with { StorageType = stored ?? config.StorageType }, work);
        var memory = Memory(
            [("full", "full", needed.FullBytes), ("LoRA", "lora", needed.LoraBytes), ("QLoRA", "qlora", needed.QloraBytes), ("serving", "serve", needed.ServeBytes)],
            $"training with {work.Rows} rows of {work.RowTokens} tokens, rank {work.LoraRank}");
        foreach (var fact in memory)
        {
            yield return fact;
        }
    }

    private static Fact Heads(DecoderConfig config)
    {
        var shared = config.KeyValueHeadCount == config.HeadCount ? string.Empty : $", {config.KeyValueHeadCount} of keys and values";
        return new Fact("heads", $"{config.HeadCount}{shared}, {config.HeadDim} wide", "heads", json => json.Value(config.HeadCount));
    }

    /// <summary>The type that most bytes of the weights have; null without weights. Opens every file, so damage is found.</summary>
    private static DType? StoredType(string folder)
    {
        if (!LanguageModel.HasWeights(folder))
        {
            return null;
        }

        using var reader = CheckpointReader.Open(folder);
        var bytes = new Dictionary<DType, long>();
        foreach (var name in reader.Names)
        {
            if (reader.TryGet(name, out _, out var entry))
            {
                bytes[entry.DType] = bytes.GetValueOrDefault(entry.DType) + entry.ByteLength;
            }
        }

        return bytes.Where(item => item.Key.IsFloatingPoint()).OrderByDescending(item => item.Value).Select(item => (DType?)item.Key).FirstOrDefault();
    }

    private static Fact Files(ModelFolder folder)
    {
        var files = new[] { folder.Adapter, folder.Base }.OfType<string>()
            .SelectMany(FilesOf)
            .Select(file => (Name: folder.Adapter is null ? file.Name : Path.GetRelativePath(folder.Adapter, file.FullName), Bytes: LengthOf(file)))
            .ToArray();
        var width = files.Max(file => file.Name.Length);
        return new Fact("files", string.Join('\n', files.Select(file => $"{file.Name.PadRight(width)}  {Bytes.Show(file.Bytes)}")), "files", json => json.List(
            files, file => json.StartObject().Name("name").Value(file.Name).Name("bytes").Value(file.Bytes).EndObject()));
    }

    private static IEnumerable<FileInfo> FilesOf(string place) => File.Exists(place)
        ? [new FileInfo(place)]
        : new DirectoryInfo(place).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal);

    /// <summary>Length of a file; of a link, as caches of downloads consist of them, that of the file it leads to.</summary>
    private static long LengthOf(FileInfo file) =>
        file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : file.Length;

    private static Fact Tokenizer(ModelFolder folder)
    {
        try
        {
            var tokenizer = folder.LoadTokenizer();
            return new Fact("tokenizer", $"{tokenizer.VocabularySize:N0} tokens", "tokenizer", json => json.StartObject()
                .Name("vocabulary").Value(tokenizer.VocabularySize)
                .Name("bos_id").Value((double?)tokenizer.BosId)
                .Name("eos_id").Value((double?)tokenizer.EosId)
                .Name("pad_id").Value((double?)tokenizer.PadId)
                .Name("sha256").Value(tokenizer.Fingerprint)
                .EndObject());
        }
        catch (CheckpointException error)
        {
            // A model without one still runs for whoever gives ids.
            return new Fact("tokenizer", error.Message, "tokenizer", json => json.Value((string?)null));
        }
    }

    private static Fact Adapter(ModelFolder folder)
    {
        if (folder.Adapter is null)
        {
            return new Fact(null, string.Empty, "adapter", json => json.Value((string?)null));
        }

        var adapter = LoraConfig.Read(folder.Adapter);
        var kind = adapter.UseDora ? "DoRA" : adapter.UseRsLora ? "rsLoRA" : "LoRA";
        return new Fact("adapter", $"{kind}, rank {adapter.Rank}, alpha {adapter.Alpha}, on {folder.Base}", "adapter", json => json.StartObject()
            .Name("kind").Value(kind.ToLowerInvariant())
            .Name("r").Value(adapter.Rank)
            .Name("lora_alpha").Value(adapter.Alpha)
            .Name("lora_dropout").Value(adapter.Dropout)
            .Name("modules").List(adapter.TargetModules.Names)
            .Name("base").Value(folder.Base)
            .EndObject());
    }

    private static IEnumerable<Fact> Memory((string What, string Key, long Bytes)[] kinds, string asked)
    {
        var available = AvailableMemory.Bytes();
        yield return new Fact("memory", string.Join('\n', kinds.Select(Line)), "memory", json =>
        {
            json.StartObject();
            foreach (var kind in kinds)
            {
                json.Name($"{kind.Key}_bytes").Value(kind.Bytes);
            }

            json.Name("available_bytes").Value((double?)available).EndObject();
        });
        yield return new Fact(null, string.Empty, "fits", json =>
        {
            json.StartObject();
            foreach (var kind in kinds)
            {
                json.Name(kind.Key).Value(kind.Bytes <= available);
            }

            json.EndObject();
        });
        yield return new Fact("available", $"{(available is { } free ? Bytes.Show(free) : "unknown")}; {asked}", null, _ => { });

        string Line((string What, string Key, long Bytes) kind) =>
            $"{kind.What,-7}  {Bytes.Show(kind.Bytes),9}{(available is null ? string.Empty : kind.Bytes <= available ? "  fits" : "  does not fit")}";
    }

    private static string? Name(DType? dtype) => dtype switch
    {
        null => null,
        DType.BFloat16 => "bf16",
        DType.Float16 => "fp16",
        DType.Float32 => "fp32",
        DType.Float64 => "fp64",
        _ => dtype.Value.ToString().ToLowerInvariant(),
    };
}
