using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Checkpoints.Gguf;
using Guanxi.Transformers.Hubs;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Tokenization;
using Guanxi.Transformers.Tokenization.ChatTemplates;

namespace Guanxi.Transformers.Models;

/// <summary>What a path to a model stands for: the folder of the full model, and of an adapter beside it.</summary>
/// <param name="Base">Folder with <c>config.json</c> and weights, or a GGUF file.</param>
/// <param name="Adapter">PEFT adapter folder, or null.</param>
public sealed record ModelFolder(string Base, string? Adapter)
{
    private static readonly string[] s_companions =
    [
        "tokenizer.*", TokenizerConfig.FileName, TokenizerConfig.SpecialName, TokenizerConfig.AddedName, "spiece.model", "vocab.txt",
        "vocab.json", "merges.txt", "chat_template.*", "generation_config.json", "*.py",
    ];

    private static readonly string[] s_tokenizerFiles = ["tokenizer*", "vocab*", "merges*", "spiece*"];

    /// <summary>Whether a path is a model or an adapter, by the names of its files alone.</summary>
    /// <param name="path">A folder or a file.</param>
    /// <returns>True where <see cref="Find"/> would not say that there is none.</returns>
    public static bool IsAny(string path) => IsAdapter(path) || IsModel(path);

    /// <summary>Finds the folders.</summary>
    /// <param name="path">What the caller named: a path, or the name of a repository in a hub's cache.</param>
    /// <param name="baseModel">The base that the caller named for an adapter, or null.</param>
    /// <returns>The folders.</returns>
    /// <exception cref="CheckpointException">The path is no model, or the base of the adapter is not found.</exception>
    public static ModelFolder Find(string path, string? baseModel)
    {
        path = HubCache.OfProcess.Resolve(path);
        if (IsAdapter(path))
        {
            return new ModelFolder(BaseOf(path, baseModel), path);
        }

        if (IsModel(path))
        {
            return new ModelFolder(path, null);
        }

        if (IsForbidden(path))
        {
            throw new CheckpointException(new Problem(
                path, "the folder cannot be read", "files that the user of this process may read", "no such right",
                $"As its owner: chmod -R a+rX '{path}', and a+x for every folder above it."));
        }

        var found = File.Exists(path) ? "a file" : Directory.Exists(path) ? "a folder without either" : "nothing";
        throw new CheckpointException(new Problem(
            path, "this is no model", $"a folder with {DecoderConfig.FileName} and weights, or with {LoraConfig.FileName}, or a .gguf file",
            found, HubCache.DownloadHint(path)));
    }

    /// <summary>Loads the tokenizer of a path and looks at nothing else: the folder may have no model, an adapter no base.</summary>
    /// <param name="path">What the caller named.</param>
    /// <param name="baseModel">The base that the caller named for an adapter, or null.</param>
    /// <returns>The adapter's own tokenizer when its folder has one, else the base's.</returns>
    /// <exception cref="CheckpointException">There is none, or it is damaged or not supported.</exception>
    public static ITokenizer LoadTokenizer(string path, string? baseModel)
    {
        path = HubCache.OfProcess.Resolve(path);
        return TokenizerLoader.Load(IsAdapter(path) && !HasTokenizer(path) ? BaseOf(path, baseModel) : path);
    }

    /// <summary>Loads the tokenizer: the adapter's own when its folder has one, else the base's.</summary>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="CheckpointException">There is none, or it is damaged or not supported.</exception>
    public ITokenizer LoadTokenizer() =>
        TokenizerLoader.Load(Adapter is not null && HasTokenizer(Adapter) ? Adapter : Base);

    /// <summary>
    /// Puts into another folder what belongs to the model beside its weights and <c>config.json</c>: tokenizer, chat template, defaults of
    /// generation, the author's own classes. What a GGUF file holds is written in Hugging Face's files.
    /// </summary>
    /// <param name="folder">An existing folder.</param>
    /// <returns>False when the tokenizer has no form in such files and stays behind.</returns>
    /// <exception cref="CheckpointException">A file cannot be read or written.</exception>
    public bool CopyCompanions(string folder)
    {
        if (GgufFile.IsNamed(Base))
        {
            return (Adapter is not null && Copy(Adapter, folder) > 0) || WriteTokenizer(folder);
        }

        Copy(Base, folder);
        if (Adapter is not null && HasTokenizer(Adapter))
        {
            Copy(Adapter, folder);
        }

        return true;
    }

    /// <summary>The template of a conversation: the adapter's own, else the base's.</summary>
    /// <returns>The Jinja text, or null.</returns>
    /// <exception cref="CheckpointException">A file is damaged.</exception>
    public string? ReadChatTemplate()
    {
        if (Adapter is not null && ChatTemplateFile.Read(Adapter) is { } own)
        {
            return own.Source;
        }

        if (!GgufFile.IsNamed(Base))
        {
            return ChatTemplateFile.Read(Base)?.Source;
        }

        using var file = GgufFile.Open(Base);
        return GgufTokenizer.Read(file)?.ChatTemplate;
    }

    private bool WriteTokenizer(string folder)
    {
        using var file = GgufFile.Open(Base);
        return GgufTokenizer.Read(file) is not { } read || TokenizerWriter.Write(read.ToTokenizer(), read.ChatTemplate, folder);
    }

    private static int Copy(string from, string to)
    {
        var files = FileErrors.Wrapped(
            from, "the folder cannot be read", () => s_companions.SelectMany(pattern => Directory.EnumerateFiles(from, pattern)).ToArray());
        foreach (var file in files)
        {
            // Opened first: a file that cannot be read is no fault of the one that is written.
            using var source = FileErrors.Wrapped(file, "the file cannot be read", () => File.OpenRead(file));
            AtomicFile.Write(Path.Combine(to, Path.GetFileName(file)), source.CopyTo);
        }

        return files.Length;
    }

    private static bool IsAdapter(string path) => File.Exists(Path.Combine(path, LoraConfig.FileName));

    // A file that must not be looked at does not exist for File.Exists.
    private static bool IsForbidden(string folder)
    {
        try
        {
            _ = File.GetAttributes(Path.Combine(folder, DecoderConfig.FileName));
            return false;
        }
        catch (Exception error) when (FileErrors.Is(error))
        {
            return error is UnauthorizedAccessException;
        }
    }

    private static bool IsModel(string path) =>
        File.Exists(Path.Combine(path, DecoderConfig.FileName)) || (GgufFile.IsNamed(path) && File.Exists(path));

    private static bool HasTokenizer(string folder) =>
        s_tokenizerFiles.Any(pattern => Directory.EnumerateFiles(folder, pattern).Any());

    private static string BaseOf(string adapter, string? baseModel)
    {
        var name = baseModel ?? LoraConfig.Read(adapter).BaseModel;
        if (string.IsNullOrEmpty(name))
        {
            throw new CheckpointException(new Problem(
                Path.Combine(adapter, LoraConfig.FileName), "the adapter does not say which base it belongs to", "base_model_name_or_path",
                Hint: "Name the folder of the base model."));
        }

        string[] tried = baseModel is null && !Path.IsPathRooted(name) ? [name, Path.GetFullPath(Path.Combine(adapter, name))] : [name];
        if (tried.Select(HubCache.OfProcess.Resolve).FirstOrDefault(folder => IsModel(folder) && !IsAdapter(folder)) is { } found)
        {
            return found;
        }

        throw new CheckpointException(tried.FirstOrDefault(IsAdapter) is { } other
            ? new Problem(other, "the base of an adapter is itself an adapter", "a full model", Hint: "Merge it into its own base first.")
            : new Problem(
                adapter, "the base model of the adapter is not here", $"a model folder at {string.Join(" or ", tried)}",
                Hint: $"{HubCache.DownloadHint(name) ?? "Download it"}, or name the folder of the base model."));
    }
}
