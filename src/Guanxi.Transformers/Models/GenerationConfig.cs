using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Models;

/// <summary>What a model's <c>generation_config.json</c> says of the ids that shape its text.</summary>
/// <param name="EosIds">Ids that end a text; empty where the file names none.</param>
/// <param name="UserId">Id that begins what the user says (Baichuan's chat models), or null.</param>
/// <param name="AssistantId">Id that begins what the model says (Baichuan's chat models), or null.</param>
public sealed record GenerationConfig(IReadOnlyList<int> EosIds, int? UserId, int? AssistantId)
{
    /// <summary>File name inside a model folder.</summary>
    public const string FileName = "generation_config.json";

    private const int MaxFileBytes = 1 << 20;

    /// <summary>Reads the file of a folder.</summary>
    /// <param name="folder">A model folder.</param>
    /// <param name="vocabularySize">Ids are below this.</param>
    /// <returns>What it says; nothing where there is no file.</returns>
    /// <exception cref="CheckpointException">The file is damaged or an id is none; all problems are listed.</exception>
    public static GenerationConfig Read(string folder, int vocabularySize)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return new GenerationConfig([], null, null);
        }

        var problems = new List<Problem>();
        var keys = new JsonKeys(JsonFile.ReadObject(path, MaxFileBytes), path, problems);
        var config = new GenerationConfig(
            keys.TokenIds("eos_token_id", [], vocabularySize),
            keys.TokenId("user_token_id", null, vocabularySize),
            keys.TokenId("assistant_token_id", null, vocabularySize));
        return problems.Count == 0 ? config : throw new CheckpointException(problems);
    }
}
