using Guanxi.Torch;
using Guanxi.Transformers;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Gguf;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Tokenization;

namespace Guanxi.Relations.Artifacts;

/// <summary>Writes a model in another form, with everything that belongs to it: tokenizer, labels, prompt.</summary>
public static class ModelConversion
{
    /// <summary>Writes dense weights: an adapter is merged, quantised layers become dense.</summary>
    /// <param name="path">A model folder, an adapter folder or a GGUF file.</param>
    /// <param name="options">The adapter's base, where it is not where the adapter says.</param>
    /// <param name="target">The folder to make; it appears when all is in it.</param>
    /// <param name="storage">Element type of all weights; null: each as it is stored, a 4-bit one as it was before.</param>
    /// <returns>What is odd but no error, one sentence each.</returns>
    /// <exception cref="CheckpointException">The model cannot be read or the folder not written.</exception>
    /// <exception cref="OptionsException">The target is not free.</exception>
    public static IReadOnlyList<string> WriteDense(string path, LanguageModelOptions options, string target, DType? storage) => WriteFolder(
        path, options, target, (model, folder) => ModelWriter.Write(model.Decoder, folder, storage, ModelWriter.DefaultShardBytes));

    /// <summary>Writes linear layers in 4 or 8 bits, as bitsandbytes stores them.</summary>
    /// <param name="path">A model folder or a GGUF file.</param>
    /// <param name="options">The form: <see cref="WeightStorage.Nf4"/>, <see cref="WeightStorage.Fp4"/> or <see cref="WeightStorage.Int8"/>.</param>
    /// <param name="target">The folder to make; it appears when all is in it.</param>
    /// <returns>What is odd but no error, one sentence each.</returns>
    /// <exception cref="CheckpointException">The model cannot be read or the folder not written.</exception>
    /// <exception cref="OptionsException">The model is an adapter or quantised already, or the target is not free.</exception>
    public static IReadOnlyList<string> WriteQuantized(string path, LanguageModelOptions options, string target)
    {
        ArgumentNullException.ThrowIfNull(options);
        var folder = ModelFolder.Find(path, options.BaseModel);
        if (folder.Adapter is not null)
        {
            throw new OptionsException(new Problem(path, "an adapter is not quantised", "a full model", Hint: "Merge it into its base first: guanxi merge."));
        }

        if (DecoderConfig.Read(folder.Base).Quantization is { } quantization)
        {
            throw new OptionsException(new Problem(
                path, "the model is quantised already", "a model in fp32, fp16 or bf16", quantization.QuantType,
                "To quantise it again would add a second rounding error."));
        }

        return WriteFolder(
            path, options, target, (model, to) => ModelWriter.WriteQuantized(model.Decoder, to, ModelWriter.DefaultShardBytes));
    }

    /// <summary>Writes a GGUF file: an adapter is merged on the way.</summary>
    /// <param name="path">A model folder, an adapter folder or a GGUF file.</param>
    /// <param name="options">The adapter's base, where it is not where the adapter says.</param>
    /// <param name="target">The file.</param>
    /// <param name="type">How matrices are stored.</param>
    /// <returns>What is odd but no error, one sentence each.</returns>
    /// <exception cref="CheckpointException">The model cannot be read or the file not written.</exception>
    /// <exception cref="OptionsException">The format has no form for the model, or the target is the model itself.</exception>
    public static IReadOnlyList<string> WriteGguf(string path, LanguageModelOptions options, string target, GgmlType type)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var model = Load(path, options, out var folder);
        if (Path.GetFullPath(target) == Path.GetFullPath(folder.Base) || Directory.Exists(target))
        {
            throw new OptionsException(new Problem(target, "the file cannot be written there", "the name of a new file", Directory.Exists(target) ? "a folder" : "the model itself"));
        }

        MakeParent(target);
        var vocabulary = model.Tokenizer is { } tokenizer ? GgufTokenizer.Of(tokenizer) : null;
        GgufModelWriter.Write(model.Decoder, vocabulary is null ? null : vocabulary with { ChatTemplate = folder.ReadChatTemplate() }, target, type);
        return vocabulary is null ? [$"{target} has no vocabulary: {(model.Tokenizer is null ? "the model has no tokenizer that can be read" : "the format has no form for this tokenizer")}"] : [];
    }

    private static List<string> WriteFolder(string path, LanguageModelOptions options, string target, Action<LanguageModel, string> write)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
        {
            throw new OptionsException(new Problem(target, "the place is not free", "a new or an empty folder", File.Exists(target) ? "a file" : "a folder with something in it"));
        }

        using var model = Load(path, options, out var folder);
        var notes = new List<string>();
        MakeParent(target);
        AtomicFolder.Write(target, to =>
        {
            write(model, to);
            if (!folder.CopyCompanions(to))
            {
                notes.Add($"the tokenizer has no form in files of its own: take it from {folder.Base}");
            }

            if (((string?[])[folder.Adapter, folder.Base]).Select(place => Path.Combine(place ?? string.Empty, ArtifactInfo.FileName)).FirstOrDefault(File.Exists) is { } info)
            {
                CopyInfo(info, model.Tokenizer, to);
            }
        });
        return notes;
    }

    /// <summary>Copies <c>guanxi.json</c>; the tokenizer's fingerprint becomes that of its files, which may have been made anew.</summary>
    private static void CopyInfo(string file, ITokenizer? tokenizer, string folder)
    {
        File.Copy(file, Path.Combine(folder, ArtifactInfo.FileName));
        var info = ArtifactInfo.TryRead(folder)!;
        if (info.TokenizerSha256 is not null && tokenizer is not null && TokenizerLoader.Load(folder).Fingerprint is var found && found != info.TokenizerSha256)
        {
            (info with { TokenizerSha256 = found }).Write(folder);
        }
    }

    private static LanguageModel Load(string path, LanguageModelOptions options, out ModelFolder folder)
    {
        folder = ModelFolder.Find(path, options.BaseModel);
        if (folder.Adapter is not null)
        {
            ArtifactInfo.TryRead(folder.Adapter)?.RequireBase(BaseModelIdentity.Of(folder.Base, folder.Base), folder.Adapter);
        }

        return LanguageModel.Load(path, options);
    }

    private static void MakeParent(string target)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(target)) is { } parent)
        {
            Directory.CreateDirectory(parent);
        }
    }
}
